-- A row that nobody can change, because a trigger of the app or a value stands in the way, keeps nothing else waiting.
begin;
\ir helpers/arrange.psql
select no_plan();

-- As an app could have it: sessions with this title must not change.
create function tests.refuse_poison() returns trigger language plpgsql
as $$ begin raise exception 'not this one'; end $$;
create trigger refuse_poison before update on public.session_mappings
  for each row when (old.title = 'poison') execute function tests.refuse_poison();

create function tests.poison(p_number integer) returns void language plpgsql
as $$
begin
  perform tests.begin(p_number);
  perform tests.activate(p_number);
  update public.session_mappings set title = 'poison' where id = tests.session(p_number);
end $$;

-- What is set aside, as `step:SQLSTATE:attempts`.
create function tests.aside(p_number integer) returns text language sql
as $$
  select string_agg(concat_ws(':', a.step, a.problem, a.attempts), ' ' order by a.step)
  from acontext_sessions.set_aside as a where a.session_id = tests.session(p_number)
$$;

create function tests.queue_due(p_run integer) returns jsonb language sql
as $$ select public.acontext_queue_due_sessions(tests.run(p_run), 100) $$;
grant execute on all functions in schema tests to service_role;

select tests.make_active(n) from generate_series(1, 4) as n;
select tests.poison(5);
select tests.begin(6);
select tests.queue(1);

-- Restamp
update acontext_sessions.settings set session_ttl = '7 days';
update acontext_sessions.restamp_state set after_id = '00000000-0000-0000-0000-000000000000';
select tests.pass('1 hour');
select tests.start_run(1);
set local role service_role;
select is(
  tests.queue_due(1),
  '{"expired": 0, "stale": 1, "tooManyExpiring": false, "more": false}'::jsonb,
  'a session that cannot be restamped keeps nothing from going on'
);
reset role;
select is(tests.queued(6), 'stale/none/none', 'what is stale is in the queue');
select is((select after_id from acontext_sessions.restamp_state), null, 'the restamp goes on to its end');
select is(
  (select array_agg(extract(day from s.expires_at - s.last_activity_at)::integer order by s.id)
   from public.session_mappings as s where s.status = 'active'),
  array[7, 7, 7, 30], 'all others have the new expiry'
);
select is(tests.aside(5), 'restamp:P0001:1', 'the one is set aside');
set local role service_role;
select set_eq(
  'select tests.claim()', array[tests.session(1), tests.session(6)], 'what is in the queue can be worked on'
);
reset role;
select tests.pass('1 minute');
select is(acontext_sessions.restamp_sessions(100), true, 'it is tried again');
select is(tests.aside(5), 'restamp:P0001:2', 'after a minute');
alter table public.session_mappings disable trigger refuse_poison;
select acontext_sessions.restamp_sessions(100);
select is(tests.aside(5), 'restamp:P0001:2', 'and then after two');
select tests.pass('2 minutes');
select acontext_sessions.restamp_sessions(100);
alter table public.session_mappings enable trigger refuse_poison;
select is(
  array[tests.aside(5), (select extract(day from s.expires_at - s.last_activity_at)::text
    from public.session_mappings as s where s.id = tests.session(5))],
  array[null, '7'], 'once it can change it is stamped, and no longer set aside'
);
select is(
  (public.acontext_configure_cleanup('{"session_ttl": "8 days"}') ->> 'session_ttl')::interval, interval '8 days',
  'session_ttl can be changed although a session cannot follow'
);
-- Something is due: only the restamp fails.
select tests.queue(2);
select lives_ok(
  $$select acontext_sessions.dispatch_sweep('retry', false, false)$$, 'the retry job calls workers although the restamp fails'
);
update acontext_sessions.restamp_state set after_id = null;

-- Expiry
select tests.begin(7);
select tests.pass('31 days');
select tests.start_run(2, p_force => true);
set local role service_role;
select is(
  tests.queue_due(2),
  '{"expired": 2, "stale": 1, "tooManyExpiring": false, "more": false}'::jsonb,
  'a session that cannot expire keeps no other from it'
);
select is(
  tests.queue_due(2), '{"expired": 0, "stale": 0, "tooManyExpiring": false, "more": false}'::jsonb, 'nor is it tried for ever'
);
select is(tests.aside(5), 'expiry:P0001:1 restamp:P0001:2', 'it is set aside');
select is(
  array[acontext_sessions.count_due(true, true, 100), acontext_sessions.count_expired(100, 'all')],
  array[acontext_sessions.count_queued(100), 0], 'and not due: no run is called for it'
);
reset role;
select is(
  array[tests.status(3), tests.status(4), tests.status(5), tests.queued(3), tests.queued(4), tests.queued(5)],
  array['deleting', 'deleting', 'active', 'expired/own/own', 'expired/own/own', null], 'it stays as it was'
);

-- What is stale
select tests.begin(8);
update public.session_mappings set title = 'poison' where id = tests.session(8);
select tests.pass('1 hour');
delete from public.session_mappings where id = tests.session(7);
alter table public.session_mappings disable trigger refuse_poison;
update public.session_mappings set title = null where id = tests.session(5);
alter table public.session_mappings enable trigger refuse_poison;
select tests.start_run(3, p_force => true);
set local role service_role;
select is(
  tests.queue_due(3),
  '{"expired": 1, "stale": 0, "tooManyExpiring": false, "more": false}'::jsonb,
  'what is stale and cannot be queued keeps no session from expiring'
);
reset role;
select is(tests.aside(8), 'stale:P0001:1', 'it is set aside');
select is(tests.aside(5), null, 'what could expire now is not any more');
select is(acontext_sessions.count_stale(100), 0, 'the retry job calls no run for it');
select tests.pass('1 minute');
select is(acontext_sessions.count_stale(100), 1, 'before its next attempt');
select is(
  (public.acontext_session_health(1) #>> '{runs,queueProblem}'), null, 'a run that has not ended says nothing yet'
);
select public.acontext_finish_sweep(
  tests.run(3), '{"stopReason": "queueing_failed", "errors": [{"id": "40000000-0000-4000-8000-000000000003", "error": "stale_failed: P0001"}]}'
);
select is(
  public.acontext_session_health(1) #>> '{runs,queueProblem}', 'stale_failed: P0001', 'health has what the last run said'
);
select tests.pass('1 second');
select tests.start_run(4);
select public.acontext_finish_sweep(tests.run(4), '{"stopReason": "empty"}');
select is(public.acontext_session_health(1) #>> '{runs,queueProblem}', null, 'until a run has no such problem');
select ok(
  not exists (select 1 from acontext_sessions.runs where stop_reason is null and status = 'finished'), 'every run has its end'
);

-- The row itself: what else refers to a session can keep it.
create table tests.notes (session_id uuid references public.session_mappings (id));
insert into tests.notes values (tests.session(3));
set local role service_role;
select tests.claim();
select is(
  tests.settle(
    tests.settlement(3, 'deleted', 'deleted'), tests.settlement(4, 'deleted', 'deleted'), tests.settlement(5, 'deleted', 'deleted')
  ),
  jsonb_build_object(
    'deleted', 2, 'failed', 1, 'released', 0, 'lost', 0,
    'kept', jsonb_build_array(jsonb_build_object('id', tests.session(3), 'error', 'row: 23503'))
  ),
  'a row that cannot leave keeps none of the others'
);
select is(
  (select row(q.last_error, q.attempts, q.lease_id, q.session_proof, q.disk_proof)::text
   from acontext_sessions.deletion_queue as q where q.id = tests.session(3)),
  '("row: 23503",1,,deleted,deleted)', 'it keeps its proof and the reason, and waits'
);
select is(tests.due_in(3), interval '30 seconds', 'as after every failure');
select is(
  (select array_agg(l.id order by l.id) from acontext_sessions.deletion_log as l), array[tests.session(4), tests.session(5)],
  'only what left has a receipt'
);
reset role;
delete from tests.notes;
select tests.pass('1 minute');
set local role service_role;
select tests.claim();
select is(
  tests.settle(tests.settlement(3)) ->> 'deleted', '1', 'once nothing stands in the way it leaves'
);
reset role;

-- A trigger of the app that keeps a row without an error, beside a reference that keeps another
create function tests.keep_silently() returns trigger language plpgsql
as $$ begin return null; end $$;
create trigger keep_silently before delete on public.session_mappings
  for each row when (old.title = 'silent' and old.status = 'deleting') execute function tests.keep_silently();
select tests.make_active(n) from generate_series(31, 34) as n;
update public.session_mappings set title = 'silent' where id = tests.session(31);
select public.acontext_request_session_deletion(tests.alice(), tests.session(n), tests.lease(3), 80) from unnest(array[31, 32]) as n;
set local role service_role;
select is(
  tests.settle(tests.settlement(31, 'deleted', 'deleted'), tests.settlement(32, 'deleted', 'deleted')),
  jsonb_build_object(
    'deleted', 1, 'failed', 1, 'released', 0, 'lost', 0,
    'kept', jsonb_build_array(jsonb_build_object('id', tests.session(31), 'error', 'row: kept'))
  ),
  'a row that a trigger keeps without an error keeps none of the others either'
);
reset role;
select is(array[tests.status(31), tests.status(32)], array['deleting', null], 'one is there, the other is gone');
select is(
  (select row(q.last_error, q.attempts, q.lease_id, q.session_proof, q.disk_proof)::text
   from acontext_sessions.deletion_queue as q where q.id = tests.session(31)),
  '("row: kept",1,,deleted,deleted)', 'it keeps its proof and the reason, and waits'
);
select tests.pass('1 minute');
insert into tests.notes values (tests.session(33));
select public.acontext_request_session_deletion(tests.alice(), tests.session(n), tests.lease(3), 80) from unnest(array[33, 34]) as n;
set local role service_role;
select tests.claim();
select is(
  tests.settle(tests.settlement(31), tests.settlement(33, 'deleted', 'deleted'), tests.settlement(34, 'deleted', 'deleted')),
  jsonb_build_object(
    'deleted', 1, 'failed', 2, 'released', 0, 'lost', 0,
    'kept', jsonb_build_array(
      jsonb_build_object('id', tests.session(33), 'error', 'row: 23503'),
      jsonb_build_object('id', tests.session(31), 'error', 'row: kept')
    )
  ),
  'both in one batch are told, each with its reason'
);
reset role;
delete from tests.notes;
drop trigger keep_silently on public.session_mappings;
select tests.pass('5 minutes');
set local role service_role;
select tests.claim();
select is(
  tests.settle(tests.settlement(31), tests.settlement(33)), '{"deleted": 2, "failed": 0, "released": 0, "lost": 0}'::jsonb,
  'they leave when nothing keeps them any more'
);
reset role;

-- The oldest of many
select tests.poison(40);
select tests.pass('1 second');
select tests.make_active(n) from generate_series(41, 45) as n;
select tests.begin(46);
select tests.pass('31 days');
select tests.start_run(6, p_force => true);
update public.session_mappings set status = 'deleting' where status = 'active' and id < tests.session(40);
set local role service_role;
select results_eq(
  $$
    select s.step ->> 'expired', s.step ->> 'more'
    from (select public.acontext_queue_due_sessions(tests.run(6), 3) as step from generate_series(1, 4)) as s
  $$,
  $$values ('2', 'true'), ('3', 'true'), ('0', 'false'), ('0', 'false')$$, 'steps go on past it'
);
reset role;

-- What somebody else holds is waited for once
create sequence tests.waits;
create function tests.wait_in_vain() returns trigger language plpgsql
as $$ begin perform nextval('tests.waits'); raise lock_not_available; end $$;
grant usage on sequence tests.waits to service_role;
grant execute on all functions in schema tests to service_role;
create trigger wait_in_vain before update on public.session_mappings
  for each row when (old.title = 'held' and new.status = 'deleting') execute function tests.wait_in_vain();
select tests.make_active(n) from generate_series(51, 58) as n;
update public.session_mappings set title = 'held' where id >= tests.session(51) and status = 'active';
select tests.pass('31 days');
set local role service_role;
select is(
  tests.queue_due(6) - array['stale', 'more', 'tooManyExpiring'],
  '{"expired": 0, "problems": ["expiry_failed: 55P03"]}'::jsonb,
  'it is told, and left for the next run'
);
reset role;
select is((select last_value from tests.waits), 1::bigint, 'however many there are');
select is(
  (select array_agg(c order by c) filter (where acontext_sessions.passes_by_itself(c))
   from unnest(array['40P01', '53300', '55P03', '55006', '57014', '55000', '22008', '23514', 'P0001']) as c),
  array['40P01', '53300', '55006', '55P03', '57014'],
  'what a trigger raises for the state of a row does not pass by itself'
);
drop trigger wait_in_vain on public.session_mappings;

-- A trigger of the app that keeps a row as it is without an error
create trigger keep_silently before update on public.session_mappings
  for each row when (old.title = 'silent' and (new.status = 'deleting' or new.user_id is null))
  execute function tests.keep_silently();
select tests.make_active(n, tests.bob()) from generate_series(61, 63) as n;
update public.session_mappings set title = 'silent' where id = tests.session(62);
update public.session_mappings set title = null where title = 'held';
select tests.pass('31 days');
set local role service_role;
select is(tests.queue_due(6) -> 'expired', '10'::jsonb, 'keeps no other from expiring');
reset role;
select is(
  array[tests.queued(61), tests.queued(62), tests.queued(63)], array['expired/own/own', null, 'expired/own/own'],
  'what stays in use is not queued'
);
select is(tests.aside(62), 'expiry:P0001:1', 'but set aside');
select tests.make_active(64, tests.bob());
delete from auth.users where id = tests.bob();
select is(tests.queued(64), 'user_deleted/own/own', 'the same when its user is deleted: the others are queued');
select is(tests.queued(62), null, 'and it is not');
select is(tests.aside(62), 'erased:P0001:1 expiry:P0001:1', 'but set aside here, too');
select is(
  array[acontext_sessions.queue_erased(10), acontext_sessions.count_erased(10)], array[0, 0], 'until its next attempt'
);
drop trigger keep_silently on public.session_mappings;
select is(acontext_sessions.clear_set_aside(false), 0, 'while it has to be done');
select is(acontext_sessions.queue_erased(10), 0, 'it waits for it');
select acontext_sessions.clear_set_aside(true);
select is(
  array[acontext_sessions.queue_erased(10)::text, tests.queued(62), tests.aside(62)], array['1', 'user_deleted/own/own', null],
  'or until somebody starts a run, when nothing stands in the way any more'
);

-- Calling the next worker
create or replace function acontext_sessions.call_worker(
  p_task acontext_sessions.run_task, p_trigger acontext_sessions.run_trigger, p_expires_sessions boolean, p_force boolean
) returns boolean language plpgsql as $$ begin raise exception 'pg_net is ill'; end $$;
select tests.make_active(9);
select tests.queue(9);
select tests.start_run(5);
update acontext_sessions.runs set expired = 1 where id = tests.run(5);
set local role service_role;
select is(
  public.acontext_finish_sweep(tests.run(5), '{"stopReason": "limit", "total": 1, "deleted": 1}') ->> 'dispatched', '0',
  'a run ends although the next cannot be called'
);
reset role;
select is((select status::text from acontext_sessions.runs where id = tests.run(5)), 'finished', 'and is recorded');

select * from finish();
rollback;
