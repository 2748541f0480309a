-- A new session_ttl when there are more sessions than one step restamps.
begin;
\ir helpers/arrange.psql
select no_plan();
create function tests.stamps() returns interval[] language sql
as $$ select array_agg(s.expires_at - s.last_activity_at order by s.id) from public.session_mappings as s where s.status = 'active' $$;
-- As acontext_configure_cleanup leaves it when there are more sessions than its own step takes.
create function tests.change_ttl(p_ttl interval) returns void language sql
as $$
  update acontext_sessions.settings set session_ttl = p_ttl;
  update acontext_sessions.restamp_state set after_id = '00000000-0000-0000-0000-000000000000';
$$;
grant execute on all functions in schema tests to service_role;

-- Steps
select ok(acontext_sessions.restamp_sessions(1), 'in a new project there is nothing to restamp');
select tests.make_active(n) from generate_series(1, 3) as n;
select tests.make_active(4, p_ttl_seconds => 3600);
select tests.make_active(5, p_pinned => true);
select tests.make_active(6);
select tests.queue(6);
select tests.change_ttl(interval '7 days');
set local role service_role;
select ok(not acontext_sessions.restamp_sessions(2), 'a step that leaves some says so');
select is(
  tests.stamps(), array[interval '7 days', '7 days', '30 days', '1 hour', null]::interval[], 'it takes as many as it may'
);
select ok(not acontext_sessions.restamp_sessions(1), 'steps may be of any length');
select ok(acontext_sessions.restamp_sessions(100), 'the last step says so');
select is(
  tests.stamps(), array[interval '7 days', '7 days', '7 days', '1 hour', null]::interval[],
  'all but those with a lifetime of their own are restamped, pinned ones stay without end'
);
reset role;
select is(
  (select expires_at - last_activity_at from public.session_mappings where id = tests.session(6)), interval '30 days',
  'what is being deleted is left alone'
);
select is(
  (select updated_at - created_at from public.session_mappings where id = tests.session(1)), interval '0',
  'that is no update of the session'
);
select public.acontext_configure_cleanup('{"session_ttl": "14 days"}');
select is(
  (select after_id from acontext_sessions.restamp_state), null, 'a change that one step can follow is followed at once'
);

-- A longer life
select tests.change_ttl(interval '1 hour');
select tests.begin(n) from generate_series(1001, 3500) as n;
select tests.activate(n) from generate_series(1001, 3500) as n;
select acontext_sessions.restamp_sessions(100000);
select tests.pass(interval '2 hours');
select tests.change_ttl(interval '30 days');
select tests.start_run(1);
set local role service_role;
select is(
  public.acontext_use_session(tests.alice(), tests.session(3500), false) ->> 'outcome', 'ok', 'a longer life holds at once'
);
select is(
  public.acontext_queue_due_sessions(tests.run(1), 100), '{"expired": 0, "stale": 0, "tooManyExpiring": false, "more": true}'::jsonb,
  'nothing expires while some have the old expiry'
);
select is(
  (select expiry_allowed from acontext_sessions.runs where id = tests.run(1)), null, 'and the expiry limit is not checked'
);
reset role;
select is(acontext_sessions.count_due(true, false, 10), 2, 'a run that expires sessions has that to do, beside what is queued');
select is(acontext_sessions.count_due(false, false, 10), 1, 'another has not');
set local role service_role;
select is(
  public.acontext_queue_due_sessions(tests.run(1), 100), '{"expired": 1, "stale": 0, "tooManyExpiring": false, "more": false}'::jsonb,
  'the step that restamps the last ones goes on to what is due, here by its own lifetime'
);
select is(
  (select expiry_allowed from acontext_sessions.runs where id = tests.run(1)), true, 'which the expiry limit allows'
);
reset role;

-- A shorter life
select tests.change_ttl(interval '1 hour');
select tests.start_run(2);
set local role service_role;
select is(
  public.acontext_use_session(tests.alice(), tests.session(3500), false) ->> 'outcome', 'expired', 'a shorter life holds at once'
);
select is(
  public.acontext_queue_due_sessions(tests.run(2), 100), '{"expired": 0, "stale": 0, "tooManyExpiring": false, "more": true}'::jsonb,
  'a mistyped one expires nobody bit by bit'
);
select is(
  public.acontext_queue_due_sessions(tests.run(2), 100), '{"expired": 0, "stale": 0, "tooManyExpiring": true, "more": false}'::jsonb,
  'the expiry limit sees all of it'
);
reset role;

-- Stamped by a caller that had read the old setting when it changed
select tests.change_ttl(interval '30 days');
select acontext_sessions.restamp_sessions(100000);
update public.session_mappings set expires_at = last_activity_at + interval '1 hour' where id = tests.session(1001);
select tests.start_run(3);
select is(
  public.acontext_queue_due_sessions(tests.run(3), 100) ->> 'expired', '0', 'a stamp by the old setting expires nobody early'
);
select is(tests.status(1001), 'active', 'who has it lives on');

-- The schedule
select tests.change_ttl(interval '60 days');
select acontext_sessions.dispatch_sweep('schedule', false, false);
select isnt((select after_id from acontext_sessions.restamp_state), null, 'the night leaves it to the run');
select acontext_sessions.dispatch_sweep('retry', false, false);
select isnt((select after_id from acontext_sessions.restamp_state), null, 'the retry job restamps so many');
select acontext_sessions.dispatch_sweep('retry', false, false);
select is((select after_id from acontext_sessions.restamp_state), null, 'and the next one the rest');
select is(
  (select count(*)::integer from public.session_mappings
    where status = 'active' and not pinned and ttl is null and expires_at <> last_activity_at + interval '60 days'),
  0, 'every session'
);

-- The expiry limit
update acontext_sessions.runs set expiry_allowed = true where id = tests.run(3);
select public.acontext_configure_cleanup('{"max_expiry_fraction": 0.4}');
select is(
  (select expiry_allowed from acontext_sessions.runs where id = tests.run(3)), true, 'another setting leaves the verdict of a run'
);
select public.acontext_configure_cleanup('{"session_ttl": "1 hour"}');
select is(
  (select expiry_allowed from acontext_sessions.runs where id = tests.run(3)), null, 'a new session_ttl checks the expiry limit again'
);

select * from finish();
rollback;
