-- The cron jobs: by name, schedule, command, owner and state.
begin;
\ir helpers/arrange.psql
select no_plan();

select bag_eq(
  $$select jobname::text, schedule, command, username::text, active from cron.job
    where jobname like 'acontext-sessions-%'$$,
  $$values
    ('acontext-sessions-cleanup', '0 0 * * *', 'select acontext_sessions.dispatch_sweep(''schedule'', true, false)', 'postgres', true),
    ('acontext-sessions-retry', '* * * * *', 'select acontext_sessions.dispatch_sweep(''retry'', false, false)', 'postgres', true),
    ('acontext-sessions-reconcile', '0 4 * * 0', 'select acontext_sessions.dispatch_reconcile(''schedule'')', 'postgres', true),
    ('acontext-sessions-purge', '17 3 * * *', 'select acontext_sessions.purge_history()', 'postgres', true)$$,
  'the cron jobs are there'
);
select is_empty(
  $$select 1 from cron.job where command ~* '(http|apikey|secret|sb_|vault)'$$,
  'no cron command carries a url or a secret'
);
select lives_ok(
  format('explain %s', command), 'the command of ' || jobname || ' names functions that exist'
)
from cron.job where jobname like 'acontext-sessions-%';
select acontext_sessions.schedule_jobs();
select is(
  (select count(*)::integer from cron.job where jobname like 'acontext-sessions-%'), 4,
  'scheduling again makes no second job'
);

select * from finish();
rollback;
