-- Changes of settings are logged: who, when, what. Nobody rewrites the log, and it is purged like the receipts.
begin;
\ir helpers/arrange.psql
select no_plan();

select is((select count(*)::integer from acontext_sessions.settings_log), 0, 'a new project has changed nothing');

select public.acontext_configure_cleanup('{}');
select public.acontext_configure_cleanup('{"max_workers": 4}');
select is((select count(*)::integer from acontext_sessions.settings_log), 0, 'what changes nothing is not logged');

select public.acontext_configure_cleanup('{"max_workers": 3, "session_ttl": "7 days", "concurrency": 7}');
select results_eq(
  'select changed_at, changed_by, old, new from acontext_sessions.settings_log',
  $$values (acontext_sessions.clock(), 'postgres', '{"max_workers": 4, "session_ttl": "30 days"}'::jsonb,
    '{"max_workers": 3, "session_ttl": "7 days"}'::jsonb)$$,
  'a change is logged with the old and the new values of what changed'
);

set local role service_role;
select public.acontext_configure_cleanup('{"max_sessions_per_user": 5}');
select is(
  (select array[changed_by, (old ->> 'max_sessions_per_user'), (new ->> 'max_sessions_per_user')]
   from acontext_sessions.settings_log order by log_id desc limit 1),
  array['service_role', null, '5'], 'through the API it was the service role'
);
select throws_ok(
  'select public.acontext_configure_cleanup(''{"max_workers": 0}'')', 'PT400', null, 'a refused change raises'
);
select is((select count(*)::integer from acontext_sessions.settings_log), 2, 'and is not logged');
select throws_ok(
  'update acontext_sessions.settings_log set changed_by = ''nobody''', '42501', 'permission denied for table settings_log',
  'the service role cannot rewrite the log'
);
select throws_ok(
  'delete from acontext_sessions.settings_log', '42501', 'permission denied for table settings_log',
  'nor remove from it'
);
select throws_ok(
  $$insert into acontext_sessions.settings_log (changed_by, old, new) values ('nobody', '{}', '{"a": 1}')$$,
  '42501', 'permission denied for table settings_log', 'nor add to it'
);
reset role;

update acontext_sessions.settings set max_workers = 2;
select is(
  (select new from acontext_sessions.settings_log order by log_id desc limit 1), '{"max_workers": 2}'::jsonb,
  'a change past acontext_configure_cleanup is logged too'
);

select tests.pass(interval '90 days');
select is(acontext_sessions.purge_history(), 0, 'the log is kept for log_retention');
select tests.pass(interval '1 second');
select is(acontext_sessions.purge_history(), 3, 'and not longer');
select is((select count(*)::integer from acontext_sessions.settings_log), 0, 'the purge removes it');

select * from finish();
rollback;
