-- Purging: old receipts, runs and our cron history go, a bounded number at a time; the rest stays.
begin;
\ir helpers/arrange.psql
select no_plan();
delete from acontext_sessions.runs where true;
delete from cron.job_run_details where true;

insert into acontext_sessions.deletion_log (
  id, origin_id, reason, session_proof, session_gone_at, disk_proof, disk_gone_at, attempts, requested_at, finished_at
)
select tests.session(n), tests.session(n), 'requested', 'deleted', t.at, 'deleted', t.at, 0, t.at, t.at
from (values
  (1, acontext_sessions.clock() - interval '90 days 1 second'), (2, acontext_sessions.clock() - interval '90 days'), (3, acontext_sessions.clock())
) as t (n, at);
insert into acontext_sessions.runs (id, task, trigger, status, requested_at, stop_reason)
select tests.run(n), 'sweep', 'schedule', 'finished', t.at, 'empty'
from (values
  (1, acontext_sessions.clock() - interval '90 days 1 second'), (2, acontext_sessions.clock() - interval '90 days'), (3, acontext_sessions.clock())
) as t (n, at);
insert into acontext_sessions.runs (id, task, trigger, status, requested_at)
values (tests.run(4), 'sweep', 'schedule', 'requested', acontext_sessions.clock() - interval '91 days');
insert into acontext_sessions.calls (run_id, request_id, answers_oid) select tests.run(n), n, 0 from unnest(array[3, 4]) as n;
insert into cron.job_run_details (runid, jobid, command, username, start_time, end_time)
select -d.runid, d.jobid, d.command, 'postgres', d.started, d.ended
from (values
  (1, -1, 'select acontext_sessions.dispatch_sweep(''schedule'', true, false)', acontext_sessions.clock() - interval '8 days',
    acontext_sessions.clock() - interval '7 days 1 second'),
  (2, -1, 'select acontext_sessions.dispatch_sweep(''retry'', false, false)', acontext_sessions.clock() - interval '8 days', null),
  (3, -2, 'select acontext_sessions.purge_history()', acontext_sessions.clock() - interval '8 days',
    acontext_sessions.clock() - interval '7 days 1 second'),
  (4, -2, 'select acontext_sessions.dispatch_reconcile(''schedule'')', acontext_sessions.clock() - interval '7 days', acontext_sessions.clock() - interval '7 days'),
  (5, -3, 'select public.somebody_elses_job()', acontext_sessions.clock() - interval '8 days', acontext_sessions.clock() - interval '8 days')
) as d (runid, jobid, command, started, ended);

select is(acontext_sessions.purge_history(), 5, 'a purge answers how much it removed');
update acontext_sessions.reconcile_state set reconciled_until = acontext_sessions.clock() - interval '90 days 1 second';
select is(acontext_sessions.purge_history(), 0, 'a receipt stays until reconcile is past it');
update acontext_sessions.reconcile_state set reconciled_until = acontext_sessions.clock();
select is(acontext_sessions.purge_history(), 1, 'and goes then');
select results_eq(
  'select id from acontext_sessions.deletion_log order by id', array[tests.session(2), tests.session(3)],
  'receipts are kept for log_retention'
);
select results_eq(
  'select id from acontext_sessions.runs order by id', array[tests.run(2), tests.run(3)],
  'runs are kept for log_retention; those that never ended go too'
);
select results_eq(
  'select run_id from acontext_sessions.calls', array[tests.run(3)], 'what is known of its call goes with a run'
);
select results_eq(
  'select runid from cron.job_run_details order by runid desc', array[-4, -5]::bigint[],
  'our cron history is kept for a week, also of jobs that were made anew and of runs without an end; that of others is left alone'
);
select is(acontext_sessions.purge_history(), 0, 'a second purge finds nothing');
update acontext_sessions.settings set log_retention = interval '1 day';
select is(acontext_sessions.purge_history(), 2, 'log_retention decides');
select is((select count(*)::integer from acontext_sessions.deletion_log), 1, 'what is younger stays');

select * from finish();
rollback;
