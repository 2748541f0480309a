-- Moving expired and stale sessions into the queue, and the expiry limit.
begin;
\ir helpers/arrange.psql
select no_plan();

-- Expiry. The expiry limit applies to ten or more.
update acontext_sessions.settings set max_expiry_minimum = 10, session_ttl = interval '30 days';
select tests.make_active(n) from generate_series(1, 3) as n;
select tests.make_active(4, p_pinned => true);
select tests.make_active(5, p_ttl_seconds => 86400);
select tests.pass(interval '1 day' - interval '1 second');
select tests.start_run(1);
set local role service_role;
select is(
  public.acontext_queue_due_sessions(tests.run(1), 100), '{"expired": 0, "stale": 0, "tooManyExpiring": false, "more": false}'::jsonb,
  'nothing is due a second before its time'
);
select tests.pass(interval '1 second');
select is(
  public.acontext_queue_due_sessions(tests.run(1), 100), '{"expired": 1, "stale": 0, "tooManyExpiring": false, "more": false}'::jsonb,
  'a session with a lifetime of its own expires after that'
);
select is(
  tests.status(5) || ' ' || tests.queued(5), 'deleting expired/own/own', 'it is queued with its remote resources'
);
select tests.pass(interval '29 days');
update public.session_mappings set last_activity_at = acontext_sessions.clock() where id = tests.session(3);
select is(
  public.acontext_queue_due_sessions(tests.run(1), 1), '{"expired": 1, "stale": 0, "tooManyExpiring": false, "more": true}'::jsonb,
  'a step takes at most its limit and says that more may be due'
);
select is(
  public.acontext_queue_due_sessions(tests.run(1), 100), '{"expired": 1, "stale": 0, "tooManyExpiring": false, "more": false}'::jsonb,
  'the next step takes the rest'
);
select is(array[tests.status(1), tests.status(2)], array['deleting', 'deleting'], 'both that nobody used are deleting');
select is(tests.status(3), 'active', 'one that was used lives on');
select tests.pass(interval '100 years');
select public.acontext_queue_due_sessions(tests.run(1), 100);
select is(tests.status(4), 'active', 'a pinned session never expires');
select is(
  (select (expired, stale, expiry_allowed)::text from acontext_sessions.runs where id = tests.run(1)),
  (4, 0, true)::text, 'the run counts what it moved'
);

-- The grace period holds for expired sessions too
reset role;
update acontext_sessions.settings set deletion_grace = interval '2 days';
select tests.make_active(6, p_ttl_seconds => 60);
select tests.pass(interval '1 minute');
set local role service_role;
select public.acontext_queue_due_sessions(tests.run(1), 100);
select is(tests.due_in(6), interval '2 days', 'an expired session can be restored for the grace period');
select is(
  public.acontext_restore_session(tests.alice(), tests.session(6)) ->> 'outcome', 'restored', 'and its owner restores it'
);
reset role;
update acontext_sessions.settings set deletion_grace = interval '0';

-- Stale: begun, and never finished
select tests.begin(7);
select tests.begin(8);
select tests.pass(interval '9 minutes 59 seconds');
select tests.begin(8, p_lease => 2);
set local role service_role;
select is(
  public.acontext_queue_due_sessions(tests.run(1), 100) -> 'stale', '0'::jsonb, 'a half-made session has ten minutes'
);
select tests.pass(interval '1 second');
select is(
  public.acontext_queue_due_sessions(tests.run(1), 100) -> 'stale', '1'::jsonb, 'after that it is stale'
);
select is(
  tests.status(7) || ' ' || tests.queued(7), 'deleting stale/none/none', 'it is queued, to be found by its mark'
);
select is(tests.due_in(7), interval '0', 'and due at once');
select is(tests.status(8), 'provisioning', 'one that somebody is making right now is not stale');
select tests.pass(interval '59 seconds');
select tests.begin(8, p_lease => 3);
select tests.pass(interval '9 minutes 59 seconds');
select is(
  public.acontext_queue_due_sessions(tests.run(1), 100) -> 'stale', '0'::jsonb,
  'each attempt at making a session gives it its ten minutes anew'
);
select tests.pass(interval '1 second');
select is(public.acontext_queue_due_sessions(tests.run(1), 100) -> 'stale', '1'::jsonb, 'until nobody comes any more');

-- Retry runs
reset role;
select tests.make_active(9, p_ttl_seconds => 60);
select tests.begin(10);
select tests.pass(interval '1 day');
select tests.start_run(2, p_expires_sessions => false, p_trigger => 'retry');
set local role service_role;
select is(
  public.acontext_queue_due_sessions(tests.run(2), 100), '{"expired": 0, "stale": 1, "tooManyExpiring": false, "more": false}'::jsonb,
  'a retry run moves what is stale, and expires nothing'
);
select is(tests.status(9), 'active', 'the expired session waits for the schedule');
select throws_ok(
  'select public.acontext_queue_due_sessions(tests.run(99), 100)', 'PT404', 'Cannot queue due sessions: no such run',
  'an unknown run moves nothing'
);
select is(tests.status(9), 'active', 'and nothing was moved');
reset role;

-- The expiry limit
create function tests.population(p_due integer, p_others integer, p_pinned integer default 0)
returns void
language plpgsql
as $$
begin
  update public.session_mappings set status = 'deleting' where status <> 'deleting';
  insert into public.session_mappings (id, user_id, pinned)
  select gen_random_uuid(), tests.alice(), n > p_due + p_others
  from generate_series(1, p_due + p_others + p_pinned) as n;
  update public.session_mappings
  set status = 'active', acontext_session_id = id, acontext_disk_id = gen_random_uuid()
  where status = 'provisioning';
  update public.session_mappings as s
  set last_activity_at = acontext_sessions.clock() - interval '1 year'
  where s.id in (
    select a.id from public.session_mappings as a where a.status = 'active' and not a.pinned limit p_due
  );
end;
$$;
create function tests.allowed(
  p_fraction double precision, p_due integer, p_others integer, p_pinned integer default 0, p_force boolean default false
)
returns boolean
language plpgsql
as $$
begin
  update acontext_sessions.settings set max_expiry_fraction = p_fraction;
  perform tests.population(p_due, p_others, p_pinned);
  return acontext_sessions.expiry_allowed(p_force);
end;
$$;
select ok(tests.allowed(0.5, 0, 0), 'an empty table trips nothing');
select ok(tests.allowed(0.5, 9, 0), 'below max_expiry_minimum everything may expire');
select ok(not tests.allowed(0.5, 10, 0), 'at max_expiry_minimum all of them may not');
select ok(tests.allowed(0.5, 10, 10), 'exactly the fraction may expire');
select ok(not tests.allowed(0.5, 10, 9), 'more than the fraction may not');
select ok(tests.allowed(0.5, 10, 4, 6), 'pinned sessions count among all');
select ok(not tests.allowed(0.5, 10, 4, 5), 'and no more than once');
select ok(tests.allowed(1, 10, 0), 'a fraction of one switches the expiry limit off');
select ok(tests.allowed(0.5, 10, 0, p_force => true), 'force overrides the expiry limit');
select is(
  (select array_agg(f order by f) from unnest(array[0.1, 0.2, 0.3, 0.35, 0.4, 0.6, 0.7, 0.8, 0.9]) as f
   where tests.allowed(f, (f * 100)::integer, 100 - (f * 100)::integer)
     and not tests.allowed(f, (f * 100)::integer, 99 - (f * 100)::integer)),
  array[0.1, 0.2, 0.3, 0.35, 0.4, 0.6, 0.7, 0.8, 0.9]::numeric[],
  'the border is exact whatever the fraction'
);

update acontext_sessions.settings set max_expiry_fraction = 0.5;
select tests.population(10, 9);
select tests.make_active(11);
select tests.request_deletion(11);
select tests.begin(12);
select tests.pass(interval '10 minutes');
select tests.start_run(3);
set local role service_role;
select is(
  public.acontext_queue_due_sessions(tests.run(3), 100), '{"expired": 0, "stale": 1, "tooManyExpiring": true, "more": false}'::jsonb,
  'past the expiry limit none expires; what is stale goes on'
);
select is(
  (select count(*)::integer from public.session_mappings where status = 'active'), 19, 'all active sessions live on'
);
select is(
  public.acontext_preview_sweep(100, false) -> 'tooManyExpiring', 'true'::jsonb, 'a preview says that too many are expiring'
);
select is(public.acontext_preview_sweep(100, true) -> 'tooManyExpiring', 'false'::jsonb, 'and that force would override it');
reset role;
select tests.start_run(4, p_force => true);
set local role service_role;
select is(
  public.acontext_queue_due_sessions(tests.run(4), 4), '{"expired": 4, "stale": 0, "tooManyExpiring": false, "more": true}'::jsonb,
  'a forced run expires them'
);
select is(
  public.acontext_queue_due_sessions(tests.run(4), 100), '{"expired": 6, "stale": 0, "tooManyExpiring": false, "more": false}'::jsonb,
  'step by step'
);
reset role;

-- A run decides once, so that its own steps cannot trip or untrip it
select tests.population(10, 10);
select tests.start_run(5);
select public.acontext_queue_due_sessions(tests.run(5), 1);
select tests.population(10, 1);
select is(
  public.acontext_queue_due_sessions(tests.run(5), 100) -> 'tooManyExpiring', 'false'::jsonb, 'the expiry limit is checked once for each run'
);

-- The preview counts and changes nothing
select tests.population(3, 3);
select tests.begin(13);
select tests.pass(interval '10 minutes');
create temporary table before as select s.* from public.session_mappings as s;
select is(
  public.acontext_preview_sweep(2, false) - 'queued', '{"expired": 2, "expiring": 2, "heldBack": 0, "stale": 1, "tooManyExpiring": false}'::jsonb,
  'a preview counts up to its limit'
);
select is(
  public.acontext_preview_sweep(100, false) - 'queued', '{"expired": 3, "expiring": 3, "heldBack": 0, "stale": 1, "tooManyExpiring": false}'::jsonb,
  'a preview counts what is due'
);
select is(
  (public.acontext_preview_sweep(100000, false) ->> 'queued')::bigint,
  (select count(*) from acontext_sessions.deletion_queue where next_attempt_at <= acontext_sessions.clock()),
  'and what is queued and due'
);
select bag_eq(
  'select id, status from before', 'select id, status from public.session_mappings', 'a preview changes nothing'
);

select * from finish();
rollback;
