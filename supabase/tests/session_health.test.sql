-- acontext_session_health: counts, the backlog and its age, how the last runs ended, what the platform says.
begin;
\ir helpers/arrange.psql
select no_plan();
delete from acontext_sessions.runs where true;
update acontext_sessions.reconcile_state set watched_since = acontext_sessions.clock() where only_row;

create function tests.health(variadic p_path text[]) returns jsonb language sql
as $$ select public.acontext_session_health(10) #> p_path $$;
grant execute on function tests.health(text[]) to service_role;
create function tests.run_ended(
  p_number integer, p_stop_reason text, p_task acontext_sessions.run_task default 'sweep',
  p_expires_sessions boolean default true
) returns void language sql
as $$
  insert into acontext_sessions.runs (
    id, task, trigger, status, expires_sessions, requested_at, started_at, finished_at, stop_reason
  )
  values (
    tests.run(p_number), p_task, 'schedule', 'finished', p_expires_sessions, acontext_sessions.clock(), acontext_sessions.clock(),
    acontext_sessions.clock(), p_stop_reason
  )
$$;

-- A new project
set local role service_role;
select is(
  tests.health('sessions'),
  '{"active": {"count": 0, "estimated": false}, "provisioning": {"count": 0, "estimated": false},
    "deleting": {"count": 0, "estimated": false}}'::jsonb,
  'the service role may ask; a new project has no session'
);
select is(
  tests.health('queue') - array['entries', 'due', 'expired', 'stuck', 'missingOwners', 'setAside'],
  '{"dueForSeconds": null, "expiredForSeconds": null, "erasedForSeconds": null, "oldestSeconds": null,
    "setAsideForSeconds": null, "repeatedDeletes": 0}'::jsonb,
  'and no backlog'
);
select is(
  tests.health('runs'),
  '{"recent": [], "lastSuccessSeconds": null, "lastFinished": null, "lastExpiry": null, "lastExpiryScope": null,
    "lastReconcile": null, "failedInARow": {"sweep": 0, "reconcile": 0}, "queueProblem": null, "lastCall": null}'::jsonb,
  'and no run'
);
select is(tests.health('pauses'), '{"cleanup": 93600, "retry": 3900, "reconcile": 691200}'::jsonb, 'pauses of the schedules');
reset role;

-- Sessions and queue
select tests.make_active(n) from generate_series(1, 4) as n;
select tests.begin(5);
select tests.queue(1);
select tests.queue(2);
select is(
  array[tests.health('sessions', 'active', 'count'), tests.health('sessions', 'provisioning', 'count'),
    tests.health('sessions', 'deleting', 'count'), tests.health('queue', 'entries', 'count')],
  array['2', '1', '2', '2']::jsonb[], 'sessions are counted by status'
);
select tests.pass(interval '10 minutes');
update acontext_sessions.deletion_queue set attempts = 10, next_attempt_at = acontext_sessions.clock() + interval '1 hour'
where id = tests.session(1);
select is(
  tests.health('queue') - array['entries', 'expired', 'missingOwners', 'setAside', 'setAsideForSeconds'],
  '{"due": {"count": 1, "estimated": false}, "stuck": {"count": 1, "estimated": false}, "dueForSeconds": 600,
    "expiredForSeconds": null, "erasedForSeconds": null, "oldestSeconds": 600, "repeatedDeletes": 0}'::jsonb,
  'the backlog tells what is due, stuck and how old'
);
select tests.pass(interval '31 days');
select is(
  array[tests.health('queue', 'expired', 'count'), tests.health('queue', 'expiredForSeconds')],
  array['2', to_jsonb(87000)]::jsonb[], 'expired sessions are counted and timed'
);

-- Only what is due has been due for some time
savepoint quiet;
update acontext_sessions.deletion_queue set next_attempt_at = acontext_sessions.clock() + interval '1 minute' where true;
select is(
  array[tests.health('queue', 'due', 'count'), tests.health('queue', 'dueForSeconds')], array['0', 'null']::jsonb[],
  'what is put off is not due'
);
update acontext_sessions.deletion_queue set next_attempt_at = acontext_sessions.clock() where true;
select is(
  array[tests.health('queue', 'due', 'count') > '0', tests.health('queue', 'dueForSeconds') = '0'], array[true, true],
  'and is from the moment on to which it was put off'
);
rollback to savepoint quiet;

-- Runs
select tests.run_ended(1, 'empty');
select tests.pass(interval '1 minute');
select tests.run_ended(2, 'outage', 'sweep', false);
select tests.pass(interval '1 minute');
select tests.run_ended(3, 'too_many_expiring');
select tests.pass(interval '1 minute');
select tests.run_ended(4, 'too_many_unknown', 'reconcile', false);
select tests.pass(interval '1 minute');
select tests.run_ended(5, 'not_configured');
select tests.run_ended(6, 'busy', 'reconcile', false);
select is(
  tests.health('runs') - 'recent',
  '{"lastSuccessSeconds": 240, "lastFinished": "too_many_unknown", "lastExpiry": "too_many_expiring", "lastExpiryScope": null,
    "lastReconcile": "too_many_unknown", "failedInARow": {"sweep": 0, "reconcile": 0}, "queueProblem": null, "lastCall": null}'::jsonb,
  'the last run of each kind is told; those that did not run do not count'
);
select is(jsonb_array_length(tests.health('runs', 'recent')), 6, 'recent runs are listed');
select is(jsonb_array_length(public.acontext_session_health(2) #> '{runs,recent}'), 2, 'as many as asked for');
select is(public.acontext_session_health(-1) #> '{runs,recent}', '[]'::jsonb, 'none for less than none');

-- Runs that fail one after the other
savepoint failing;
select tests.run_ended(21, 'error');
select tests.pass(interval '1 minute');
select tests.run_ended(22, 'error', 'reconcile', false);
select tests.pass(interval '1 minute');
select tests.run_ended(23, 'busy');
select tests.run_ended(24, 'error');
select is(
  tests.health('runs', 'failedInARow'), '{"sweep": 2, "reconcile": 1}'::jsonb,
  'runs that failed are counted by task; those that did not run do not count'
);
select tests.pass(interval '1 minute');
select tests.run_ended(25, 'limit');
select is(
  tests.health('runs', 'failedInARow'), '{"sweep": 0, "reconcile": 1}'::jsonb, 'until one of the task does not fail'
);
rollback to savepoint failing;

-- The last call
create function tests.accepted(p_number integer) returns text language sql
as $$ select json_build_object('runId', tests.run(p_number), 'status', 'accepted')::text $$;
create function tests.call_answered(p_number integer, p_status integer, p_timed_out boolean default false)
returns void language sql
as $$
  insert into acontext_sessions.runs (id, task, trigger, status, requested_at, request_id)
  values (tests.run(p_number), 'sweep', 'retry', 'requested', acontext_sessions.clock(), 1000000 + p_number);
  insert into acontext_sessions.calls (run_id, request_id, answers_oid)
  values (tests.run(p_number), 1000000 + p_number, 'net._http_response'::regclass);
  insert into net._http_response (id, status_code, timed_out, content)
  select 1000000 + p_number, p_status, p_timed_out, tests.accepted(p_number) where p_status is distinct from 0
$$;
select tests.pass(interval '1 minute');
select tests.call_answered(11, 0);
select is(
  tests.health('runs', 'lastCall'),
  jsonb_build_object(
    'id', tests.run(11), 'task', 'sweep', 'trigger', 'retry', 'requestedAt', acontext_sessions.clock(), 'problem', null
  ),
  'a call that is under way is no problem'
);
select tests.pass(interval '7 minutes');
select is(tests.health('runs', 'lastCall', 'problem'), '"no_answer"'::jsonb, 'one without an answer is');
select tests.call_answered(12, 401);
select is(tests.health('runs', 'lastCall', 'problem'), '"http_401"'::jsonb, 'and one that was refused');
select tests.pass(interval '1 minute');
select tests.call_answered(13, null, true);
select is(tests.health('runs', 'lastCall', 'problem'), '"timeout"'::jsonb, 'and one that took too long');
select tests.pass(interval '1 minute');
select tests.call_answered(14, null);
select is(tests.health('runs', 'lastCall', 'problem'), '"unreachable"'::jsonb, 'and one that reached nobody');
update acontext_sessions.runs
set status = 'finished', stop_reason = 'not_delivered', errors = '[{"error": "http_500"}, {"error": "later"}]'
where id = tests.run(14);
select is(
  tests.health('runs', 'lastCall', 'problem'), '"http_500"'::jsonb, 'and one that a dispatcher has given up, with its error'
);
update acontext_sessions.runs set errors = '[]' where id = tests.run(14);
select is(tests.health('runs', 'lastCall', 'problem'), '"unreachable"'::jsonb, 'known or not');
select tests.pass(interval '1 minute');
select tests.call_answered(15, 202);
select is(tests.health('runs', 'lastCall', 'problem'), 'null'::jsonb, 'a call that was accepted is well');
select tests.pass(interval '7 minutes');
select is(tests.health('runs', 'lastCall', 'problem'), '"not_started"'::jsonb, 'unless nobody begins it');

-- Reconcile, receipts, platform
select is(tests.health('reconcile', 'finishedAt'), 'null'::jsonb, 'no pass has ended');
select is(
  tests.health('reconcile', 'quietForSeconds'), to_jsonb(extract(epoch from interval '31 days 32 minutes')::bigint),
  'the pause is counted from the upgrade'
);
update acontext_sessions.reconcile_state set pass_finished_at = acontext_sessions.clock() - interval '1 hour' where only_row;
select is(tests.health('reconcile', 'quietForSeconds'), '3600'::jsonb, 'and then from the last pass');
insert into acontext_sessions.deletion_log (
  id, origin_id, reason, session_proof, session_gone_at, disk_proof, disk_gone_at, attempts, requested_at
)
select tests.session(n), tests.session(n), 'requested', 'deleted', acontext_sessions.clock(), p.proof::acontext_sessions.deletion_proof,
  acontext_sessions.clock(), 1, acontext_sessions.clock()
from (values (91, 'absent'), (92, 'unproven')) as p (n, proof);
select is(tests.health('unproven', 'count'), '1'::jsonb, 'receipts without a proof are counted');

select is(
  (select jsonb_agg(j - array['lastStatus', 'lastStart', 'fault']) from jsonb_array_elements(tests.health('jobs')) as j),
  '[{"name": "cleanup", "schedule": "0 0 * * *", "active": true}, {"name": "purge", "schedule": "17 3 * * *", "active": true},
    {"name": "reconcile", "schedule": "0 4 * * 0", "active": true}, {"name": "retry", "schedule": "* * * * *", "active": true}]'::jsonb,
  'the cron jobs are listed'
);
select cron.unschedule('acontext-sessions-retry');
select cron.alter_job(j.jobid, active => false) from cron.job as j where j.jobname = 'acontext-sessions-purge';
insert into cron.job_run_details (runid, jobid, command, username, status, start_time, end_time)
select v.runid, j.jobid, j.command, 'postgres', v.status, acontext_sessions.clock(), acontext_sessions.clock()
from cron.job as j, (values (2000000001, 'succeeded'), (2000000002, 'failed'), (2000000003, 'running')) as v (runid, status)
where j.jobname = 'acontext-sessions-cleanup';
select is(
  (select jsonb_agg(j - array['lastStart', 'fault']) from jsonb_array_elements(tests.health('jobs')) as j),
  '[{"name": "cleanup", "schedule": "0 0 * * *", "active": true, "lastStatus": "failed"},
    {"name": "purge", "schedule": "17 3 * * *", "active": false, "lastStatus": null},
    {"name": "reconcile", "schedule": "0 4 * * 0", "active": true, "lastStatus": null},
    {"name": "retry", "schedule": null, "active": false, "lastStatus": null}]'::jsonb,
  'also those that are missing, switched off or failed'
);

select is(tests.health('vault', 'secretKey'), 'false'::jsonb, 'Vault has no key');
select vault.create_secret('sb_secret_of_before', 'acontext_sessions_secret_key');
select is(tests.health('vault', 'secretKey'), 'true'::jsonb, 'or one of before, which is told');
select ok(tests.health('vault', 'projectUrl') #>> '{}' like 'http://127.0.0.1:%', 'Vault has the address');
select unalike(public.acontext_session_health(10)::text, '%sb_secret_%', 'no key is told');
delete from vault.secrets where name in ('acontext_sessions_project_url', 'acontext_sessions_secret_key');
select is(
  tests.health('vault'), '{"state": "ok", "projectUrl": null, "secretKey": false, "unusable": []}'::jsonb,
  'what Vault lacks is told'
);
select is(
  tests.health('migration') #>> '{}', (select max(version) from supabase_migrations.schema_migrations),
  'the newest migration is told'
);
select is(
  tests.health('migrations'), (select to_jsonb(array_agg(m.version order by m.version)) from supabase_migrations.schema_migrations as m),
  'and all that are applied'
);
select is(tests.health('settings', 'max_workers'), '4'::jsonb, 'settings are told');
select public.acontext_configure_cleanup('{"max_workers": 3}');
select public.acontext_configure_cleanup(jsonb_build_object('max_per_run', n)) from generate_series(5, 14) as n;
select is(
  tests.health('settingsLog', '0'),
  jsonb_build_object(
    'at', acontext_sessions.clock(), 'by', session_user, 'old', '{"max_per_run": 13}'::jsonb, 'new', '{"max_per_run": 14}'::jsonb
  ),
  'and their last changes'
);
select is(
  tests.health('settingsLog', '9') -> 'new', '{"max_per_run": 5}'::jsonb, 'back to the tenth'
);
select is(jsonb_array_length(tests.health('settingsLog')), 10, 'and no further');

-- The pauses that schedules make
select is(acontext_sessions.longest_pause(p.schedule), p.pause::interval, p.schedule || ' pauses for ' || p.pause)
from (values
  ('*/5 * * * *', '65 minutes'), ('* * * * *', '65 minutes'), ('10 seconds', '65 minutes'), ('@hourly', '65 minutes'),
  ('0 0 * * *', '26 hours'), ('0 */2 * * *', '26 hours'), ('@daily', '26 hours'), ('0 4 * * 0', '8 days'),
  ('@weekly', '8 days'), ('0 4 1 * *', '32 days'), ('@monthly', '32 days'), ('0 4 1 1 *', '367 days'), ('@yearly', '367 days')
) as p (schedule, pause);

-- Above 10,000 counts are estimates
insert into acontext_sessions.deletion_queue (id, origin_id, reason, next_attempt_at)
select gen_random_uuid(), gen_random_uuid(), 'orphan', acontext_sessions.clock() from generate_series(1, 10050);
select tests.pass(acontext_sessions.write_gap());
select is(
  tests.health('queue', 'entries'), '{"count": 10001, "estimated": true}'::jsonb,
  'without statistics the estimate is the least it can be'
);
select is(
  tests.health('queue', 'due'), '{"count": 10052, "estimated": false}'::jsonb, 'what is due is counted further'
);
analyze acontext_sessions.deletion_queue;
select is(
  tests.health('queue', 'entries'), '{"count": 10052, "estimated": true}'::jsonb, 'with statistics it is theirs'
);
create temporary table never_counted (id integer);
select is(acontext_sessions.estimated_rows('never_counted'), 0::bigint, 'without any, nothing is estimated');
select is(tests.health('sessions', 'deleting'), '{"count": 2, "estimated": false}'::jsonb, 'orphans are no sessions');
update acontext_sessions.deletion_queue as q
set next_attempt_at = acontext_sessions.clock() + o.place * interval '1 second',
  requested_at = acontext_sessions.clock() - case when o.place > 10000 then interval '1 year' else interval '1 hour' end
from (select a.id, row_number() over () as place from acontext_sessions.deletion_queue as a) as o
where o.id = q.id;
select is(tests.health('queue', 'oldestSeconds'), '3600'::jsonb, 'the oldest is that of the next 10,000');

select * from finish();
rollback;
