-- The limit on mass expiry judges per owner: nobody's sessions keep those of others from expiring, and a mistake expires nobody's.
begin;
\ir helpers/arrange.psql
select no_plan();

-- The defaults: at least 100, more than half; heavy is who has more than 10.
create function tests.owner(p_number integer) returns uuid immutable language sql
as $$ select ('0b0e0000-0000-4000-8000-' || lpad(p_number::text, 12, '0'))::uuid $$;
insert into auth.users (id) select tests.owner(n) from generate_series(0, 200) as n;

-- Sessions of one owner, which that owner last used so long ago. A ttl of 60 s is over after a day.
create function tests.sessions(p_owner integer, p_count integer, p_idle interval, p_ttl interval default null)
returns void language sql
as $$
  insert into public.session_mappings (id, user_id, ttl, last_activity_at, created_at)
  select gen_random_uuid(), tests.owner(p_owner), p_ttl, acontext_sessions.clock() - p_idle, acontext_sessions.clock() - p_idle
  from generate_series(1, p_count);
  update public.session_mappings as s
  set acontext_session_id = gen_random_uuid(), acontext_disk_id = gen_random_uuid(), status = 'active'
  where s.status = 'provisioning';
$$;

-- How many of each owner a run expires, step by step to its end: [owner, sessions]. What is left, and what it said, stays.
create function tests.expired_by(p_run integer, p_force boolean default false) returns text language plpgsql
as $$
declare
  v_step jsonb;
  v_steps integer := 0;
  v_gone text;
begin
  perform tests.start_run(p_run, p_force => p_force);
  loop
    v_step := public.acontext_queue_due_sessions(tests.run(p_run), 50);
    v_steps := v_steps + 1;
    exit when v_step -> 'more' = 'false' or v_steps > 100;
  end loop;
  select string_agg(o.owner || ':' || o.gone, ' ' order by o.owner) into v_gone
  from (
    select right(s.user_id::text, 3) as owner, count(*) as gone
    from public.session_mappings as s where s.status = 'deleting' group by s.user_id
  ) as o;
  return concat_ws(' | ', coalesce(v_gone, 'none'), v_step ->> 'tooManyExpiring', v_step ->> 'problems');
end $$;

create function tests.preview(p_force boolean default false) returns jsonb language sql
as $$ select public.acontext_preview_sweep(1000, p_force) - array['queued', 'stale'] $$;

-- One owner's many, which are over as that owner wished
savepoint start;
select tests.sessions(0, 362, '1 day', '60 seconds');
select tests.sessions(1, 1, '40 days');
select is(acontext_sessions.expiry_scope(false), 'all', 'sessions with a ttl of their own are not suspicious, however many');
select is(
  tests.preview(), '{"expired": 363, "expiring": 363, "heldBack": 0, "tooManyExpiring": false}'::jsonb, 'a preview knows'
);
select is(tests.expired_by(1), '000:362 001:1 | false', 'they expire, and so does another''s old one');
rollback to savepoint start;

select tests.sessions(0, 170, '1 day', '60 seconds');
select tests.sessions(n, 1, '1 day') from generate_series(1, 140) as n;
select tests.sessions(199, 30, '40 days');
select is(tests.expired_by(1), '000:170 199:30 | false', 'nor do they make others suspicious');
rollback to savepoint start;

-- One owner's many, all idle
select tests.sessions(0, 400, '31 days');
select tests.sessions(0, 5, '1 day', '60 seconds');
select tests.sessions(1, 1, '40 days');
select tests.sessions(2, 10, '40 days');
select tests.sessions(3, 20, '1 day');
select is(acontext_sessions.expiry_scope(false), 'light', 'what only one owner has is told from what many have');
select is(
  tests.preview(), '{"expired": 416, "expiring": 16, "heldBack": 400, "tooManyExpiring": true}'::jsonb,
  'a preview says how many are held back'
);
select is(
  tests.preview(true), '{"expired": 416, "expiring": 416, "heldBack": 0, "tooManyExpiring": false}'::jsonb,
  'and that force would expire them'
);
select is(tests.expired_by(1), '000:5 001:1 002:10 | true', 'the heavy owner''s are held back, but for those with a ttl; others'' go');
select is(
  (select row(r.expired, r.expiry_allowed, r.expiry_scope)::text from acontext_sessions.runs as r where r.id = tests.run(1)),
  '(16,f,light)', 'the run says so'
);
select is(
  acontext_sessions.count_due(true, false, 1000), acontext_sessions.count_queued(1000), 'what is held back is not due for the next run'
);
update acontext_sessions.deletion_queue set next_attempt_at = acontext_sessions.clock() + interval '1 hour' where true;
select is(
  public.acontext_finish_sweep(tests.run(1), '{"stopReason": "limit", "total": 16, "deleted": 16}'),
  '{"remaining": 0, "dispatched": 0}'::jsonb, 'nor does a run call another for it'
);
select is(tests.expired_by(2), '000:5 001:1 002:10 | true', 'the next run changes nothing');
select is(tests.expired_by(3, true), '000:405 001:1 002:10 | false', 'force lets them go');
rollback to savepoint start;

-- Exactly a tenth of the minimum is not heavy; one more is.
select tests.sessions(0, 200, '40 days');
select tests.sessions(1, 10, '40 days');
select tests.sessions(2, 11, '40 days');
select is(tests.expired_by(1), '001:10 | true', 'heavy is who has more than a tenth of max_expiry_minimum');
rollback to savepoint start;
update acontext_sessions.settings set max_expiry_minimum = 5;
select tests.sessions(0, 2, '40 days');
select tests.sessions(1, 1, '40 days');
select tests.sessions(2, 2, '40 days');
select is(tests.expired_by(1), '001:1 | true', 'or more than one, where that is less');
rollback to savepoint start;

-- A mistake: everybody's are due
select tests.sessions(n, 2, '40 days') from generate_series(1, 60) as n;
select tests.sessions(0, 3, '1 day', '60 seconds');
select is(
  tests.preview(), '{"expired": 123, "expiring": 3, "heldBack": 120, "tooManyExpiring": true}'::jsonb,
  'a preview knows a mistake'
);
select is(tests.expired_by(1), '000:3 | true', 'of owners with few sessions each none expires, but what has a ttl of its own');
select is(
  (select r.expiry_scope from acontext_sessions.runs as r where r.id = tests.run(1)), 'own', 'the run says so'
);
rollback to savepoint start;

select tests.sessions(n, 40, '40 days') from generate_series(1, 15) as n;
select is(tests.expired_by(1), 'none | true', 'of owners with many sessions each none expires');
rollback to savepoint start;

select tests.sessions(0, 500, '40 days');
select is(tests.expired_by(1), 'none | true', 'where one owner has everything none expires');
rollback to savepoint start;

select tests.sessions(0, 300, '40 days');
select tests.sessions(n, 3, '40 days') from generate_series(1, 40) as n;
select is(tests.expired_by(1), 'none | true', 'nor of both');
rollback to savepoint start;

-- One owner's sessions that are in use make a mistake no more plausible
select tests.sessions(0, 190, '1 day');
select tests.sessions(n, 2, '40 days') from generate_series(1, 100) as n;
select is(tests.expired_by(1), 'none | true', 'small owners'' sessions are held back where one owner has the rest');
rollback to savepoint start;

-- A heavy owner makes no difference to the verdict on the others
select tests.sessions(n, 2, '40 days') from generate_series(1, 50) as n;
select tests.sessions(n, 2, '1 day') from generate_series(51, 100) as n;
select is(acontext_sessions.expiry_scope(false), 'all', 'half of all may expire');
select tests.sessions(0, 300, '40 days');
select is(acontext_sessions.expiry_scope(false), 'light', 'also where one owner has many more that would');
rollback to savepoint start;
select tests.sessions(n, 2, '40 days') from generate_series(1, 51) as n;
select tests.sessions(n, 2, '1 day') from generate_series(52, 100) as n;
select tests.sessions(0, 300, '40 days');
select is(acontext_sessions.expiry_scope(false), 'own', 'where more than half of the others'' would expire, they do not');
rollback to savepoint start;
select tests.sessions(n, 400, '1 day') from generate_series(1, 2) as n;
select tests.sessions(n, 9, '40 days') from generate_series(3, 14) as n;
select tests.sessions(0, 750, '40 days');
select is(acontext_sessions.expiry_scope(false), 'light', 'nor do few with many in use count less for it');
rollback to savepoint start;

-- Many heavy owners tell of a mistake, too
select tests.sessions(n, 20, '40 days') from generate_series(1, 60) as n;
select tests.sessions(n, 3, '40 days') from generate_series(61, 240) as n;
select tests.sessions(n, 4, '1 day') from generate_series(61, 240) as n;
select is(acontext_sessions.expiry_scope(false), 'own', 'where many owners have many, nobody''s expire');
rollback to savepoint start;

-- The heavy one is at the front of what is due, and a step small
select tests.sessions(0, 300, '60 days');
select tests.sessions(n, 1, '40 days') from generate_series(1, 60) as n;
select tests.start_run(1);
select is(
  (select array_agg((q.step ->> 'expired')::integer order by q.n)
   from (
     select n, public.acontext_queue_due_sessions(tests.run(1), 25) as step from generate_series(1, 3) as n
   ) as q),
  array[25, 25, 10], 'steps go on past what is held back'
);
select is(
  public.acontext_queue_due_sessions(tests.run(1), 25) -> 'more', 'false'::jsonb, 'and end when nothing else is due'
);

-- Whether the schedule calls a worker
select tests.start_run(2);
select public.acontext_finish_sweep(tests.run(2), '{"stopReason": "too_many_expiring"}');
select is(acontext_sessions.expiry_is_unfinished(), false, 'a run that held sessions back has done what it should');

select * from finish();
rollback;
