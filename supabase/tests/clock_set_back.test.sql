-- A clock that was ahead for a while and is right again: what it has left behind holds nothing up. And a purge that fails in part.
begin;
\ir helpers/arrange.psql
select no_plan();

-- Ten years ahead
select tests.pass('10 years');
select tests.make_active(1);
select tests.queue(1);
select tests.begin(2, p_lease_seconds => 120);
select tests.make_active(3);
insert into acontext_sessions.uncertain_sessions (session_id) values (tests.session(3));
insert into acontext_sessions.message_keys (session_id, key_hash, body_hash, lease_id, leased_until)
values (tests.session(3), repeat('a', 64), repeat('a', 64), tests.lease(1), acontext_sessions.clock() + interval '1 minute');
select acontext_sessions.put_aside(tests.session(3), 'restamp', 'P0001');
select tests.start_run(1);
update acontext_sessions.runs set slots = 32 where id = tests.run(1);
insert into acontext_sessions.runs (id, task, trigger, status, requested_at, finished_at, stop_reason)
select tests.run(2), 'sweep', 'schedule', 'finished', acontext_sessions.clock(), acontext_sessions.clock(), 'outage';

-- Right again
select tests.pass('-10 years');
select is(acontext_sessions.free_slots(), 32, 'a run of that time holds no slots');
select is(acontext_sessions.expiry_is_unfinished(), false, 'nor is it the last that expired sessions');
select is(public.acontext_session_health(10) #> '{runs,lastFinished}', 'null'::jsonb, 'nor the last for health');
update acontext_sessions.deletion_queue
set lease_id = tests.lease(9), leased_until = acontext_sessions.clock() + interval '10 years', holds_slot = true
where id = tests.session(1);
select is(acontext_sessions.free_slots(), 32, 'a lease of that time holds none either');
select is(acontext_sessions.count_queued(10), 0, 'what was queued then is not due');
select acontext_sessions.dispatch_sweep('retry', false, false);
select is(acontext_sessions.count_queued(10), 0, 'nor does the retry job look for it');
select acontext_sessions.dispatch_sweep('schedule', true, false);
select is(acontext_sessions.count_queued(10), 0, 'whoever has leased it may still be deleting');
select tests.pass('1 hour');
select set_eq('select tests.claim()', array[tests.session(1)], 'the nightly job brings it back');
select tests.pass('-1 hour');
select is(
  (select leased_until <= acontext_sessions.clock() from acontext_sessions.provisioning_leases where session_id = tests.session(2)), true,
  'with the lease of who was creating a session'
);
select is(
  (select since from acontext_sessions.uncertain_sessions where session_id = tests.session(3)), acontext_sessions.clock(),
  'with what reconcile has to look into'
);
select is(
  (select row(created_at, leased_until)::text from acontext_sessions.message_keys where session_id = tests.session(3)),
  row(acontext_sessions.clock(), acontext_sessions.clock())::text, 'with what somebody was storing'
);
select is(
  (select next_attempt_at <= acontext_sessions.clock() from acontext_sessions.set_aside where session_id = tests.session(3)), true,
  'and with what is set aside'
);

-- A grace period of a year is nothing unusual
update acontext_sessions.settings set deletion_grace = interval '1 year';
select tests.make_active(4);
select tests.queue(4);
create temporary table due as select next_attempt_at from acontext_sessions.deletion_queue where id = tests.session(4);
select acontext_sessions.mend_times();
select is(
  (select next_attempt_at from acontext_sessions.deletion_queue where id = tests.session(4)), (select next_attempt_at from due),
  'what may wait for so long does'
);

-- Calling workers
select tests.put_secret('acontext_sessions_project_url', 'http://127.0.0.1:1');
insert into acontext_sessions.runs (id, task, trigger, status, requested_at, started_at)
select tests.run(n), 'sweep', 'schedule', 'running', acontext_sessions.clock() + interval '10 years',
  acontext_sessions.clock() + interval '10 years'
from generate_series(11, 14) as n;
update acontext_sessions.settings set deletion_grace = interval '0';
-- Those that the jobs above have called wait in pg_net for the transaction to end.
update acontext_sessions.runs set status = 'finished', stop_reason = 'empty' where status = 'requested';
select tests.make_active(5);
select tests.queue(5);
select tests.pass('4 seconds');
select is(acontext_sessions.dispatch_sweep('retry', false, false), 1, 'runs of that time keep no worker from being called');

-- A purge of which a part fails
insert into acontext_sessions.runs (id, task, trigger, status, requested_at, finished_at, stop_reason)
values (tests.run(20), 'sweep', 'retry', 'finished', acontext_sessions.clock() - interval '91 days', acontext_sessions.clock(), 'empty');
insert into acontext_sessions.settings_log (changed_by, old, new, changed_at)
values ('postgres', '{"a": 1}', '{"a": 2}', acontext_sessions.clock() - interval '91 days');
select tests.make_active(n) from generate_series(6, 8) as n;
update public.session_mappings set message_count = 1, title = case when id = tests.session(7) then 'poison' end
where id in (tests.session(6), tests.session(7), tests.session(8));
insert into acontext_sessions.message_keys (session_id, key_hash, body_hash, lease_id, leased_until, created_at)
select tests.session(n), repeat('b', 64), repeat('b', 64), tests.lease(1), acontext_sessions.clock(), acontext_sessions.clock() - interval '3 days'
from generate_series(6, 8) as n;
create function tests.refuse() returns trigger language plpgsql as $$ begin raise exception 'not this one'; end $$;
create trigger refuse before delete on acontext_sessions.runs for each row execute function tests.refuse();
create trigger refuse before update on public.session_mappings
  for each row when (old.title = 'poison') execute function tests.refuse();
select lives_ok('select acontext_sessions.purge_history()', 'a purge goes on where something stands in the way');
select is(
  (select count(*) from acontext_sessions.settings_log where changed_at < acontext_sessions.clock() - interval '90 days'), 0::bigint,
  'what comes after it is purged'
);
select is(
  (select array_agg(s.message_count order by s.id) from public.session_mappings as s
   where s.id in (tests.session(6), tests.session(7), tests.session(8))),
  array[0, 1, 0], 'a session that cannot change keeps its count, and no other''s'
);
select is(
  (select array_agg(k.session_id) from acontext_sessions.message_keys as k where k.key_hash = repeat('b', 64)), array[tests.session(7)],
  'and its key with it'
);
select is(
  (select array_agg(a.session_id || ' ' || a.step || ' ' || a.problem order by a.session_id desc) from acontext_sessions.set_aside as a
   where a.step = 'purge'),
  array[tests.session(7) || ' purge P0001', '00000000-0000-0000-0000-000000000000 purge P0001'],
  'what cannot be purged is told: a session, and history'
);
select acontext_sessions.clear_set_aside(true);
select is(
  (select count(*) from acontext_sessions.set_aside where step = 'purge'), 2::bigint, 'until a purge'
);
drop trigger refuse on acontext_sessions.runs;
drop trigger refuse on public.session_mappings;
select acontext_sessions.purge_history();
select is(
  (select count(*) from acontext_sessions.set_aside where step = 'purge'), 0::bigint, 'succeeds'
);
select ok(not exists (select 1 from acontext_sessions.runs where id = tests.run(20)), 'which removes what was left');

-- Counts at their maximum
select tests.make_active(9);
select tests.queue(9);
select tests.pass('4 seconds');
select tests.claim();
update acontext_sessions.deletion_queue set attempts = 2147483647, repeated_deletes = 2147483647 where id = tests.session(9);
select is(
  tests.settle(tests.settlement(9, p_error => 'http_500') || '{"repeated": 1}') ->> 'failed', '1', 'a count at its maximum stays there'
);
select is(
  (select row(attempts, repeated_deletes)::text from acontext_sessions.deletion_queue where id = tests.session(9)),
  '(2147483647,2147483647)', 'and the deletion is tried again'
);
update acontext_sessions.deletion_queue set messages = -3 where id = tests.session(9);
select tests.pass('10 hours');
select is(
  public.acontext_claim_deletions(tests.lease(3), 10, 80) -> 0 -> 'messages', '0'::jsonb, 'below nothing there is nothing'
);
select is(tests.settle(tests.settlement(9, 'deleted', 'deleted')) ->> 'deleted', '1', 'until it succeeds');

select * from finish();
rollback;
