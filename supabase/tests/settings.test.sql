-- acontext_configure_cleanup: what it accepts, what it refuses, and what follows from a change.
begin;
\ir helpers/arrange.psql
select no_plan();
create temporary table before as select s.* from acontext_sessions.settings as s;
grant select on before to service_role;
create function tests.unchanged() returns boolean language sql
as $$ select (select s from acontext_sessions.settings as s) = (select b::text::acontext_sessions.settings from before as b) $$;
create function tests.schedule(p_job text) returns text language sql security definer
as $$ select j.schedule from cron.job as j where j.jobname = 'acontext-sessions-' || p_job $$;
grant execute on all functions in schema tests to service_role;

select tests.make_active(1);
select tests.make_active(2, p_ttl_seconds => 3600);
select tests.make_active(3, p_pinned => true);
select tests.make_active(4);
select tests.queue(4);

-- Refused
set local role service_role;
select throws_ok(
  format('select public.acontext_configure_cleanup(%L)', c.changes), 'PT400', 'Cannot change settings: ' || c.problem,
  c.changes || ' is refused'
)
from (values
  ('[]', 'not a JSON object'), ('"7 days"', 'not a JSON object'), ('null', 'not a JSON object'),
  ('{"colour": "red"}', 'unknown setting colour'),
  ('{"only_row": false}', 'unknown setting only_row'),
  ('{"updated_at": "2020-01-01"}', 'unknown setting updated_at'),
  ('{"session_ttl": "7 days", "cleanup_scedule": "0 3 * * *"}', 'unknown setting cleanup_scedule'),
  ('{"session_ttl": "soon"}', 'invalid input syntax for type interval: "soon"'),
  ('{"session_ttl": "59 seconds"}',
    'new row for relation "settings" violates check constraint "session_ttl_in_range"'),
  ('{"session_ttl": "4000 days"}',
    'new row for relation "settings" violates check constraint "session_ttl_in_range"'),
  ('{"provisioning_timeout": "2 minutes"}',
    'new row for relation "settings" violates check constraint "provisioning_timeout_in_range"'),
  ('{"deletion_grace": "-1 second"}',
    'new row for relation "settings" violates check constraint "deletion_grace_in_range"'),
  ('{"orphan_grace": "1 minute"}',
    'new row for relation "settings" violates check constraint "orphan_grace_in_range"'),
  ('{"touch_granularity": "2 hours"}',
    'new row for relation "settings" violates check constraint "touch_granularity_in_range"'),
  ('{"max_workers": 0}', 'new row for relation "settings" violates check constraint "max_workers_in_range"'),
  ('{"max_workers": 1.5}', 'invalid input syntax for type integer: "1.5"'),
  ('{"max_per_run": 100001}', 'new row for relation "settings" violates check constraint "max_per_run_in_range"'),
  ('{"concurrency": 129, "max_workers": 1, "max_remote_deletes": 256}',
    'new row for relation "settings" violates check constraint "concurrency_in_range"'),
  ('{"concurrency": 16}', '4 workers that each delete 16 at a time would exceed max_remote_deletes, which is 32'),
  ('{"max_workers": 5}', '5 workers that each delete 7 at a time would exceed max_remote_deletes, which is 32'),
  ('{"max_remote_deletes": 27}', '4 workers that each delete 7 at a time would exceed max_remote_deletes, which is 27'),
  ('{"max_remote_deletes": 257}', 'new row for relation "settings" violates check constraint "max_remote_deletes_in_range"'),
  ('{"max_messages_per_session": 0}',
    'new row for relation "settings" violates check constraint "max_messages_per_session_positive"'),
  ('{"max_sessions_per_user": 0}',
    'new row for relation "settings" violates check constraint "max_sessions_per_user_positive"'),
  ('{"max_expiry_fraction": 0}',
    'new row for relation "settings" violates check constraint "max_expiry_fraction_in_range"'),
  ('{"max_expiry_fraction": 1.01}',
    'new row for relation "settings" violates check constraint "max_expiry_fraction_in_range"'),
  ('{"max_expiry_fraction": "NaN"}',
    'new row for relation "settings" violates check constraint "max_expiry_fraction_in_range"'),
  ('{"max_expiry_minimum": 0}',
    'new row for relation "settings" violates check constraint "max_expiry_minimum_in_range"'),
  ('{"log_retention": "1 hour"}',
    'new row for relation "settings" violates check constraint "log_retention_in_range"'),
  ('{"max_workers": null}',
    'null value in column "max_workers" of relation "settings" violates not-null constraint')
) as c (changes, problem);
select throws_ok(
  'select public.acontext_configure_cleanup(null)', 'PT400', 'Cannot change settings: not a JSON object', 'null is refused'
);
select throws_like(
  format('select public.acontext_configure_cleanup(%L)', jsonb_build_object(s.setting, t.text)),
  'Cannot change settings: %', format('%s "%s" is refused', s.setting, t.text)
)
from unnest(array['cleanup_schedule', 'retry_schedule', 'reconcile_schedule']) as s (setting)
cross join unnest(array['', 'every night', '61 * * * *', '* * * *']) as t (text);
select ok(tests.unchanged(), 'what is refused changes no setting');
select is(
  array[tests.schedule('cleanup'), tests.schedule('retry'), tests.schedule('reconcile')],
  array['0 0 * * *', '* * * * *', '0 4 * * 0'], 'and no schedule'
);
reset role;
select is((select count(*)::integer from cron.job where jobname like 'acontext-sessions-%'), 4, 'and removes no job');
set local role service_role;

-- Accepted
select tests.pass(interval '1 hour');
select is(
  public.acontext_configure_cleanup('{}') ->> 'session_ttl', '30 days', 'no change answers all settings'
);
select is(
  public.acontext_configure_cleanup('{"max_workers": 3, "max_sessions_per_user": 50}') - 'updated_at',
  (select to_jsonb(b) - array['only_row', 'updated_at'] || '{"max_workers": 3, "max_sessions_per_user": 50}'
   from before as b),
  'a change answers all settings'
);
select is(
  (select (max_workers, max_sessions_per_user, concurrency, updated_at)::text from acontext_sessions.settings),
  (3, 50, 7, acontext_sessions.clock())::text, 'it is stored, the others are kept'
);
select is(
  public.acontext_configure_cleanup('{"max_sessions_per_user": null}') -> 'max_sessions_per_user', 'null'::jsonb,
  'the quota can be lifted'
);
select lives_ok(
  $$select public.acontext_configure_cleanup('{"session_ttl": "10 years", "deletion_grace": "1 year", "max_expiry_fraction": 1,
    "provisioning_timeout": "3 minutes", "touch_granularity": "0", "log_retention": "10 years"}')$$,
  'the ends of the ranges are accepted'
);
select results_eq(
  format($$select public.acontext_configure_cleanup(jsonb_build_object('session_ttl', %L::text)) ->> 'session_ttl'$$, l.given),
  array[l.kept], l.given || ' lasts ' || l.kept || ', whatever the calendar says'
)
from (values
  ('-1000 years 363650 days', '3650 days'), ('292000 years -105116350 days', '3650 days'), ('1 month', '30 days'),
  ('10 years', '3600 days'), ('-1 month 31 days 01:00:00', '1 day 01:00:00'), ('2 days -01:00:00', '1 day 23:00:00'),
  ('36:00:00', '36:00:00'), ('90 days', '90 days')
) as l (given, kept);
select is_empty(
  $$select n.key, n.value from jsonb_each_text(public.acontext_configure_cleanup(
      '{"session_ttl": "1 month", "provisioning_timeout": "-1 month 30 days 1 hour", "deletion_grace": "1 month",
        "orphan_grace": "-1 month 30 days 1 hour", "touch_granularity": "-1 month 30 days 1 hour", "log_retention": "1 month"}'
    )) as n
    where n.value ~ 'mon|-' and n.key <> 'updated_at'$$,
  'no setting keeps months or opposite signs'
);

-- A change of the lifetime
select public.acontext_configure_cleanup('{"session_ttl": "7 days"}');
reset role;
select results_eq(
  $$select id, expires_at - last_activity_at from public.session_mappings
    where status = 'active' order by id$$,
  $$values (tests.session(1), interval '7 days'), (tests.session(2), interval '1 hour'), (tests.session(3), null)$$,
  'a new session_ttl holds for every session without a lifetime of its own; pinned ones stay without end'
);
select is(
  (select updated_at - created_at from public.session_mappings where id = tests.session(1)), interval '0',
  'that is no update of the session'
);
select tests.make_active(5);
select is(
  (select expires_at - acontext_sessions.clock() from public.session_mappings where id = tests.session(5)), interval '7 days',
  'new sessions get it too'
);
select is(
  public.acontext_restore_session(tests.alice(), tests.session(4)) #>> '{session,expiresAt}',
  to_jsonb(acontext_sessions.clock() + interval '7 days') #>> '{}', 'and restored ones'
);

-- A change of the schedule
create temporary table jobs as select j.jobid, j.jobname from cron.job as j;
set local role service_role;
select public.acontext_configure_cleanup(
  '{"cleanup_schedule": "30 2 * * *", "retry_schedule": "*/2 * * * *", "reconcile_schedule": "0 5 * * 1"}'
);
select is(
  array[tests.schedule('cleanup'), tests.schedule('retry'), tests.schedule('reconcile')],
  array['30 2 * * *', '*/2 * * * *', '0 5 * * 1'], 'the jobs follow'
);
reset role;
select is(
  (select count(*)::integer from cron.job where jobname like 'acontext-sessions-%' and username = 'postgres'), 4,
  'they still belong to postgres, and there are no others'
);
select cron.alter_job(j.jobid, active => false) from cron.job as j where j.jobname like 'acontext-sessions-%';
select public.acontext_configure_cleanup('{}');
select is(
  (select count(*)::integer from cron.job where jobname like 'acontext-sessions-%' and active), 4,
  'any change brings deactivated jobs back'
);
select cron.unschedule('acontext-sessions-cleanup');
select public.acontext_configure_cleanup('{}');
select is(tests.schedule('cleanup'), '30 2 * * *', 'and removed ones');

select * from finish();
rollback;
