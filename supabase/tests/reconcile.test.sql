-- Reconcile: one run at a time, from a saved place; only what nobody knows and is old enough becomes an orphan.
begin;
\ir helpers/arrange.psql
select no_plan();

create function tests.item(p_id uuid, p_origin integer, p_age interval default interval '1 hour')
returns jsonb language sql
as $$
  select jsonb_build_object('id', p_id, 'originId', tests.session(p_origin), 'createdAt', acontext_sessions.clock() - p_age)
$$;
create function tests.unknown_disk(p_disk integer, p_origin integer, p_age interval default interval '1 hour')
returns boolean language sql
as $$
  select public.acontext_find_unknown_disks(jsonb_build_array(tests.item(tests.disk(p_disk), p_origin, p_age)))
    = jsonb_build_array(tests.disk(p_disk))
$$;
create function tests.unknown_session(p_id uuid, p_origin integer, p_age interval default interval '1 hour')
returns boolean language sql
as $$
  select public.acontext_find_unknown_sessions(jsonb_build_array(tests.item(p_id, p_origin, p_age)))
    = jsonb_build_array(p_id)
$$;
create function tests.save(p_run integer, p_sessions jsonb, p_disks jsonb, p_checked uuid[] default '{}')
returns jsonb language sql
as $$
  select public.acontext_save_reconcile_progress(
    tests.run(p_run), 'labels', p_sessions, p_disks, p_checked, false, 'next', 50, 2
  )
$$;
grant execute on all functions in schema tests to service_role;

select tests.make_active(1);
select tests.begin(2);
select tests.make_active(3);
select tests.queue(3);
select tests.begin(4);
select tests.queue(4);
select tests.begin(5);
select public.acontext_activate_session(
  tests.session(5), tests.lease(1), tests.session(205), tests.disk(5), '{}', '{}', false
);
insert into acontext_sessions.deletion_log (
  id, origin_id, reason, session_proof, session_gone_at, disk_proof, disk_gone_at, attempts, requested_at
)
select i.id, i.origin, i.reason::acontext_sessions.deletion_reason, 'deleted', acontext_sessions.clock(), 'deleted',
  acontext_sessions.clock(), 1, acontext_sessions.clock()
from (values (tests.session(96), tests.session(96), 'expired'), (tests.session(95), tests.session(1), 'orphan'))
  as i (id, origin, reason);
set local role service_role;

-- What is unknown
select ok(not tests.unknown_disk(1, 1), 'a disk that a session holds is known');
select ok(tests.unknown_disk(101, 1), 'a second disk with the mark of an active session is unknown');
select ok(not tests.unknown_disk(102, 2), 'a disk of a session that is being made is looked after by its maker');
select ok(not tests.unknown_disk(3, 3), 'a disk in the queue is known');
select ok(not tests.unknown_disk(104, 4), 'a disk of a half-made session in the queue is looked after by the worker');
select ok(tests.unknown_disk(105, 99), 'a disk of a session that does not exist is unknown');
select ok(
  not tests.unknown_disk(105, 99, interval '59 minutes 59 seconds'), 'but not before orphan_grace has passed'
);
select ok(not tests.unknown_session(tests.session(1), 1), 'a remote session that a session holds is known');
select ok(not tests.unknown_session(tests.session(101), 1), 'a second one with its mark is somebody''s copy');
select ok(
  tests.unknown_session(tests.session(101), 5),
  'unless the server chose the id of the first: then it is left over from a lost answer'
);
select ok(not tests.unknown_session(tests.session(2), 2), 'one that is being made is known');
select ok(not tests.unknown_session(tests.session(3), 3), 'one in the queue is known');
select ok(not tests.unknown_session(tests.session(4), 4), 'one whose id the queue will look for is known');
select ok(tests.unknown_session(tests.session(99), 99), 'one without a row is unknown');
select ok(
  tests.unknown_disk(106, 96, interval '0') and tests.unknown_session(tests.session(96), 96, interval '-1 hour'),
  'what belongs to a session that has a receipt is unknown, however young it looks'
);
select ok(not tests.unknown_disk(107, 1, interval '0'), 'the receipt of an orphan is not its session''s');
select is(public.acontext_find_unknown_disks('[]'), '[]'::jsonb, 'nothing seen, nothing unknown');
select is(
  public.acontext_find_unknown_labels(jsonb_build_array(
    tests.item(null, 1), tests.item(null, 2), tests.item(null, 3), tests.item(null, 98),
    tests.item(null, 97, interval '59 minutes')
  )),
  jsonb_build_array(tests.session(98)), 'a label is unknown when it is old and names no session'
);
select is(
  public.acontext_find_unknown_labels(jsonb_build_array(tests.item(null, 96, interval '0'))),
  jsonb_build_array(tests.session(96)), 'or when its session has a receipt'
);

-- Runs
select is(
  public.acontext_start_reconcile(tests.run(1), 60), 
  '{"outcome": "started", "phase": "sessions", "cursor": null, "seen": 0, "unknown": 0}'::jsonb,
  'a run starts where the last one stopped'
);
select is(
  public.acontext_start_reconcile(tests.run(1), 60), '{"outcome": "duplicate"}'::jsonb, 'delivered twice, it starts once'
);
select is(
  public.acontext_start_reconcile(tests.run(2), 60), '{"outcome": "busy"}'::jsonb, 'another one finds it at work'
);
select is(
  (select stop_reason from acontext_sessions.runs where id = tests.run(2)), 'busy', 'and says so'
);

select public.acontext_configure_cleanup('{"cleanup_enabled": false}');
select is(
  public.acontext_start_reconcile(tests.run(9), 60), '{"outcome": "disabled"}'::jsonb, 'a disabled cleanup walks nowhere'
);
select is(
  (select stop_reason from acontext_sessions.runs where id = tests.run(9)), 'disabled', 'and says so as well'
);
select public.acontext_configure_cleanup('{"cleanup_enabled": true}');

-- Saving
select is(
  tests.save(
    1, jsonb_build_array(tests.item(tests.session(1), 1), tests.item(tests.session(99), 99)),
    jsonb_build_array(tests.item(tests.disk(1), 1), tests.item(tests.disk(101), 1), tests.item(tests.disk(105), 99))
  ),
  '{"outcome": "saved", "queued": 3}'::jsonb, 'what is unknown is queued, what a session holds is not'
);
select bag_eq(
  $$select reason::text, origin_id, acontext_session_id, acontext_disk_id from acontext_sessions.deletion_queue
    where id not in (tests.session(3), tests.session(4))$$,
  $$values ('orphan', tests.session(1), null::uuid, tests.disk(101)), ('orphan', tests.session(99), null, tests.disk(105)),
    ('orphan', tests.session(99), tests.session(99), null)$$,
  'each as an orphan under the session id of its mark'
);
select is(tests.status(1), 'active', 'the session with the second disk lives on');
select is(
  (select (phase, page_cursor)::text from acontext_sessions.reconcile_state), '(labels,next)', 'the place is saved in the same step'
);
select is(
  tests.save(1, '[]', jsonb_build_array(tests.item(tests.disk(101), 1))), '{"outcome": "saved", "queued": 0}'::jsonb,
  'saving twice queues nothing twice'
);
select tests.pass(interval '60 seconds');
select is(
  public.acontext_start_reconcile(tests.run(3), 60), 
  '{"outcome": "started", "phase": "labels", "cursor": "next", "seen": 100, "unknown": 4}'::jsonb,
  'a run that does not end loses the walk; the next learns what the pass has come across'
);
select is(
  tests.save(1, '[]', jsonb_build_array(tests.item(tests.disk(106), 99))), '{"outcome": "lost", "queued": 0}'::jsonb,
  'what it reports after that changes nothing'
);
select is_empty(
  'select 1 from acontext_sessions.deletion_queue where acontext_disk_id = tests.disk(106)', 'and queues nothing'
);

-- Uncertain sessions
reset role;
insert into acontext_sessions.uncertain_sessions (session_id, since)
values
  (tests.session(1), acontext_sessions.clock() - interval '1 hour 59 minutes'), (tests.session(2), acontext_sessions.clock() - interval '1 day');
set local role service_role;
select is(
  public.acontext_list_uncertain_sessions('00000000-0000-0000-0000-000000000000', 10), '[]'::jsonb,
  'a second disk may land late, and has to be old enough to be found: so long nobody looks'
);
select tests.pass(interval '1 minute');
select is(
  public.acontext_list_uncertain_sessions('00000000-0000-0000-0000-000000000000', 10), jsonb_build_array(tests.session(1)),
  'then active sessions that may have one are listed'
);
select is(public.acontext_list_uncertain_sessions(tests.session(1), 10), '[]'::jsonb, 'page by page');
select tests.save(3, '[]', '[]', array[tests.session(1)]);
select is(
  public.acontext_list_uncertain_sessions('00000000-0000-0000-0000-000000000000', 10), '[]'::jsonb,
  'those that were looked at are certain'
);

-- Uncertain sessions that are deleted and restored
reset role;
select tests.make_active(5);
insert into acontext_sessions.uncertain_sessions (session_id, since) values (tests.session(5), acontext_sessions.clock() - interval '1 day');
create function tests.in_doubt(p_number integer) returns boolean language sql
as $$ select exists (select 1 from acontext_sessions.uncertain_sessions as u where u.session_id = tests.session(p_number)) $$;
grant execute on all functions in schema tests to service_role;
set local role service_role;
select tests.queue(5);
select ok(
  not tests.unknown_disk(107, 5), 'while a session is being deleted, its second disk is left to the worker'
);
select tests.save(3, '[]', '[]', array[tests.session(5)]);
select ok(not tests.in_doubt(5), 'so a run that looked meanwhile finds nothing, and is satisfied');
select public.acontext_restore_session(tests.alice(), tests.session(5));
select ok(tests.in_doubt(5), 'the restored session is in doubt');
select tests.save(3, '[]', '[]', array[tests.session(5)]);
select ok(tests.in_doubt(5), 'and stays so, whatever a run found before');
select tests.pass(interval '2 hours');
select ok(
  public.acontext_list_uncertain_sessions('00000000-0000-0000-0000-000000000000', 10) ? tests.session(5)::text,
  'it is looked into in its time'
);
select ok(tests.unknown_disk(107, 5), 'which finds the second disk');
select tests.save(3, '[]', '[]', array[tests.session(5)]);
select ok(not tests.in_doubt(5), 'and ends the doubt');

-- Finishing
select is(
  public.acontext_finish_reconcile(tests.run(3), '{"unknown": 3, "stopReason": "empty"}'), '{"dispatched": 0}'::jsonb,
  'a run ends'
);
select is(
  (select (status, stop_reason, total)::text from acontext_sessions.runs where id = tests.run(3)), '(finished,empty,3)',
  'with its result'
);
select is(
  public.acontext_start_reconcile(tests.run(4), 60) ->> 'outcome', 'started', 'and lets go of the walk at once'
);
select public.acontext_save_reconcile_progress(tests.run(4), 'sessions', '[]', '[]', '{}', true);
select ok(
  (select pass_finished_at = acontext_sessions.clock() and page_cursor is null from acontext_sessions.reconcile_state), 'a pass ends'
);
select public.acontext_finish_reconcile(tests.run(4), '{"stopReason": "complete"}');
select is(
  public.acontext_start_reconcile(tests.run(5), 60),
  '{"outcome": "started", "phase": "sessions", "cursor": null, "seen": 0, "unknown": 0}'::jsonb,
  'and the next begins with nothing seen'
);
reset role;

-- What a pass is certain of
select public.acontext_save_reconcile_progress(tests.run(5), 'sessions', '[]', '[]', '{}', true);
select public.acontext_finish_reconcile(tests.run(5), '{"stopReason": "complete"}');
-- A pass of two runs: how long before its beginning all that was gone by then has been found; what follows changes between them.
create function tests.certain(p_run integer, p_between text, p_skipped integer default 0, p_also integer default 0)
returns interval language plpgsql
as $$
declare
  v_began timestamptz;
begin
  perform tests.pass('1 day');
  v_began := acontext_sessions.clock();
  update acontext_sessions.reconcile_state set reconciled_until = null where only_row;
  perform public.acontext_start_reconcile(tests.run(p_run), 60);
  perform public.acontext_save_reconcile_progress(
    tests.run(p_run), 'labels', '[]', '[]', '{}', false, 'next', 1, 0, p_skipped
  );
  perform public.acontext_finish_reconcile(tests.run(p_run), '{"stopReason": "limit"}');
  perform tests.pass('1 hour');
  execute p_between;
  perform public.acontext_start_reconcile(tests.run(p_run + 1), 60);
  perform public.acontext_save_reconcile_progress(tests.run(p_run + 1), 'sessions', '[]', '[]', '{}', true, null, 1, 0, p_also);
  perform public.acontext_finish_reconcile(tests.run(p_run + 1), '{"stopReason": "complete"}');
  return (select v_began - t.reconciled_until from acontext_sessions.reconcile_state as t);
end $$;
select is(tests.certain(101, 'select 1'), interval '2 hours', 'a pass is certain of what was gone two grace periods before it');
update acontext_sessions.settings set orphan_grace = interval '3 days';
select is(
  tests.certain(111, $$update acontext_sessions.settings set orphan_grace = interval '10 minutes'$$), interval '6 days',
  'a grace period that is lowered meanwhile makes it no more certain'
);
select is(
  tests.certain(121, $$update acontext_sessions.settings set orphan_grace = interval '3 days'$$), interval '6 days',
  'one that is raised makes it less'
);
select is(
  tests.certain(131, $$
    update acontext_sessions.settings set orphan_grace = interval '5 days';
    select public.acontext_start_reconcile(tests.run(135), 60);
    select public.acontext_finish_reconcile(tests.run(135), '{"stopReason": "outage"}');
    update acontext_sessions.settings set orphan_grace = interval '1 hour'$$),
  interval '10 days', 'the longest that any of its runs has used counts'
);
select is(tests.certain(141, 'select 1'), interval '2 hours', 'for that pass, and not for the next');
select is(tests.certain(151, 'select 1', 1), null, 'a pass that skipped something is certain of nothing');
select is(
  (select (pass_skipped, last_skipped, pass_finished_at = acontext_sessions.clock())::text from acontext_sessions.reconcile_state),
  '(1,1,t)', 'and ends all the same'
);
select is(tests.certain(161, 'select 1', 0, 2), null, 'whenever it did');
select is(tests.certain(171, 'select 1'), interval '2 hours', 'the next begins anew');
select is(
  public.acontext_session_health(1) #> '{reconcile,skipped}', '0'::jsonb, 'health no longer tells it'
);

-- A run from a time that has not come
update acontext_sessions.reconcile_state
set run_id = tests.run(999), run_until = acontext_sessions.clock() + interval '10 years' where only_row;
select is(
  public.acontext_start_reconcile(tests.run(181), 60) ->> 'outcome', 'started', 'a clock that was set back holds up no walk'
);
select public.acontext_finish_reconcile(tests.run(181), '{"stopReason": "outage"}');

-- Chaining
select vault.create_secret('http://127.0.0.1:1', 'acontext_sessions_project_url') where not exists (
  select 1 from vault.secrets where name = 'acontext_sessions_project_url'
);
select vault.create_secret('sb_secret_test', 'acontext_sessions_secret_key') where not exists (
  select 1 from vault.secrets where name = 'acontext_sessions_secret_key'
);
-- Starts a run that pg_net carried, lets it do its part, and answers whether its end calls the next.
create function tests.chained(p_number integer, p_result jsonb, p_moves boolean default false)
returns boolean language plpgsql
as $$
begin
  perform tests.pass(interval '10 minutes');
  insert into acontext_sessions.runs (id, task, trigger, status, expires_sessions, request_id)
  values (tests.run(p_number), 'reconcile', 'schedule', 'requested', false, p_number);
  perform public.acontext_start_reconcile(tests.run(p_number), 60);
  if p_moves then
    perform tests.save(p_number, '[]', '[]');
  else
    perform public.acontext_save_reconcile_progress(tests.run(p_number), t.phase, '[]', '[]', '{}', false, t.page_cursor)
    from acontext_sessions.reconcile_state as t;
  end if;
  return public.acontext_finish_reconcile(tests.run(p_number), p_result) = '{"dispatched": 1}';
end;
$$;
select ok(not tests.chained(11, '{"stopReason": "time_budget"}'), 'a run that did not get on calls nobody');
select ok(tests.chained(12, '{"stopReason": "time_budget"}', p_moves => true), 'one whose position moved calls the next');
select ok(not tests.chained(13, '{"stopReason": "limit"}'), 'what an earlier run did does not count');
select ok(tests.chained(14, '{"stopReason": "shutdown", "queued": 1}'), 'what a run queued does');
select ok(tests.chained(15, '{"stopReason": "limit", "labelsRemoved": 1}'), 'and the labels that it removed');
select ok(not tests.chained(16, '{"stopReason": "outage", "queued": 1}'), 'an outage ends the chain');

select * from finish();
rollback;
