-- Who may do what: row level security, and the grants of every role on every table, column, function and schema.
begin;
\ir helpers/arrange.psql
select no_plan();

create temporary view our_tables as
select c.oid, n.nspname || '.' || c.relname as name
from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
where n.nspname in ('public', 'acontext_sessions') and c.relkind in ('r', 'p', 'v', 'm');

create temporary view our_functions as
select p.oid, n.nspname as schema, p.oid::regprocedure::text as name, p.proacl, p.prosecdef, p.proconfig
from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
where n.nspname in ('public', 'acontext_sessions');

select bag_eq(
  'select name from our_tables',
  array[
    'public.session_mappings', 'acontext_sessions.settings', 'acontext_sessions.deletion_queue', 'acontext_sessions.deletion_log',
    'acontext_sessions.provisioning_leases', 'acontext_sessions.uncertain_sessions', 'acontext_sessions.runs', 'acontext_sessions.reconcile_state',
    'acontext_sessions.settings_log', 'acontext_sessions.message_keys', 'acontext_sessions.restamp_state'
  ],
  'the privilege tests below know every table'
);

-- Row level security
select ok(
  (select c.relrowsecurity from pg_class as c where c.oid = 'public.session_mappings'::regclass),
  'row level security is on for session_mappings'
);
select is_empty(
  $$select c.oid::regclass from pg_class as c
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relrowsecurity$$,
  'no exposed table is without row level security'
);
select policies_are('public', 'session_mappings', array[
  'Owners see their active sessions', 'Owners edit their active sessions'
]);
select policy_roles_are('public', 'session_mappings', 'Owners see their active sessions', array['authenticated']);
select policy_roles_are('public', 'session_mappings', 'Owners edit their active sessions', array['authenticated']);
select policy_cmd_is(
  'public', 'session_mappings', 'Owners see their active sessions'::name, 'SELECT', 'owners see by a select policy'
);
select policy_cmd_is(
  'public', 'session_mappings', 'Owners edit their active sessions'::name, 'UPDATE', 'owners edit by an update policy'
);

-- Schemas
select schema_privs_are('public', 'anon', array['USAGE']);
select schema_privs_are('public', 'authenticated', array['USAGE']);
select schema_privs_are('acontext_sessions', 'anon', '{}'::text[]);
select schema_privs_are('acontext_sessions', 'authenticated', '{}'::text[]);
select schema_privs_are('acontext_sessions', 'service_role', array['USAGE']);

-- Tables
select table_privs_are('public', 'session_mappings', 'anon', '{}'::text[]);
select table_privs_are('public', 'session_mappings', 'authenticated', array['SELECT']);
select table_privs_are(
  'public', 'session_mappings', 'service_role', array['SELECT', 'INSERT', 'UPDATE', 'DELETE']
);
select table_privs_are('acontext_sessions', t.name, r.name, '{}'::text[], r.name || ' has no right on private.' || t.name)
from unnest(array[
  'settings', 'deletion_queue', 'deletion_log', 'provisioning_leases', 'uncertain_sessions', 'runs',
  'reconcile_state', 'settings_log', 'restamp_state'
]) as t (name)
cross join unnest(array['anon', 'authenticated']) as r (name);
select table_privs_are('acontext_sessions', 'settings', 'service_role', array['SELECT']);
select table_privs_are('acontext_sessions', 'settings_log', 'service_role', array['SELECT']);
select table_privs_are(
  'acontext_sessions', 'deletion_queue', 'service_role', array['SELECT', 'INSERT', 'UPDATE', 'DELETE']
);
select table_privs_are('acontext_sessions', 'deletion_log', 'service_role', array['SELECT', 'INSERT']);
select table_privs_are(
  'acontext_sessions', 'provisioning_leases', 'service_role', array['SELECT', 'INSERT', 'UPDATE', 'DELETE']
);
select table_privs_are(
  'acontext_sessions', 'uncertain_sessions', 'service_role', array['SELECT', 'INSERT', 'UPDATE', 'DELETE']
);
select table_privs_are('acontext_sessions', 'reconcile_state', 'service_role', array['SELECT', 'UPDATE']);
select table_privs_are('acontext_sessions', 'restamp_state', 'service_role', array['SELECT', 'UPDATE']);
select table_privs_are('acontext_sessions', 'runs', 'service_role', array['SELECT', 'INSERT', 'UPDATE']);

-- Columns
select bag_eq(
  $$select a.attname::text from pg_attribute as a
    where a.attrelid = 'public.session_mappings'::regclass and a.attnum > 0 and not a.attisdropped
      and has_column_privilege('authenticated', a.attrelid, a.attnum, 'UPDATE')$$,
  array['metadata', 'pinned', 'title', 'ttl'],
  'authenticated may update title, metadata, pinned and ttl, and nothing else'
);
select is_empty(
  $$select t.name, a.attname, r.rolname, p.privilege
    from our_tables as t
    join pg_attribute as a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
    cross join (values ('anon'), ('authenticated')) as r (rolname)
    cross join (values ('SELECT'), ('INSERT'), ('UPDATE'), ('REFERENCES')) as p (privilege)
    where has_column_privilege(r.rolname, t.oid, a.attnum, p.privilege)
      and (t.name, r.rolname) <> ('public.session_mappings', 'authenticated')$$,
  'no column of any other table is open to anon or authenticated'
);
select is_empty(
  $$select a.attname from pg_attribute as a
    cross join (values ('INSERT'), ('REFERENCES')) as p (privilege)
    where a.attrelid = 'public.session_mappings'::regclass and a.attnum > 0 and not a.attisdropped
      and has_column_privilege('authenticated', a.attrelid, a.attnum, p.privilege)$$,
  'authenticated may insert or reference no column of session_mappings'
);

-- Functions
select is_empty(
  $$select f.name from our_functions as f
    where f.proacl is null or exists (select 1 from aclexplode(f.proacl) as a where a.grantee = 0)$$,
  'no function is executable by PUBLIC'
);
select is_empty(
  format($$select name from our_functions where has_function_privilege(%L, oid, 'EXECUTE')$$, r.name),
  'no function is executable by ' || r.name
)
from unnest(array['anon', 'authenticated']) as r (name);
select bag_eq(
  $$select name from our_functions where schema = 'public' and has_function_privilege('service_role', oid, 'EXECUTE')$$,
  'select name from our_functions where schema = ''public''',
  'the service role may execute every function in public'
);
select bag_eq(
  $$select name from our_functions
    where schema = 'acontext_sessions' and not has_function_privilege('service_role', oid, 'EXECUTE')$$,
  $$select p.oid::regprocedure::text from pg_proc as p
    where p.pronamespace = 'acontext_sessions'::regnamespace
      and (p.prorettype = 'trigger'::regtype or p.proname in (
        'call_worker', 'expiry_is_unfinished', 'purge_history', 'schedule_job', 'schedule_jobs',
        'usable_project_url', 'usable_secret_key', 'worker_secrets'
      ))$$,
  'the service role may execute every private function but the triggers and what only definers and cron jobs use'
);
select is_empty(
  $$select name from our_functions where proconfig is null or not 'search_path=""' = any (proconfig)$$,
  'every function fixes an empty search path'
);
select is_empty(
  $$select name from our_functions where prosecdef and schema <> 'acontext_sessions'$$,
  'no function of an exposed schema is security definer'
);
select bag_eq(
  'select name from our_functions where prosecdef',
  array[
    'acontext_sessions.stamp_session()', 'acontext_sessions.guard_session_change()', 'acontext_sessions.follow_session_status()',
    'acontext_sessions.guard_session_delete()', 'acontext_sessions.guard_queue_change()', 'acontext_sessions.apply_settings(jsonb)',
    'acontext_sessions.dispatch_sweep(acontext_sessions.run_trigger,boolean,boolean)', 'acontext_sessions.dispatch_reconcile()',
    'acontext_sessions.call_worker(acontext_sessions.run_trigger,boolean,boolean,jsonb)', 'acontext_sessions.platform_facts()',
    'acontext_sessions.last_call()', 'acontext_sessions.store_worker_secrets(text,text)'
  ],
  'the functions that run with the owner''s rights are the known ones'
);
select is_empty(
  $$select name from our_functions where obj_description(oid, 'pg_proc') is null
      and name not in ('acontext_sessions.clock()', 'acontext_sessions.random()')$$,
  'every function says what it is for'
);
create function public.made_later() returns integer language sql set search_path = '' as 'select 1';
select is_empty(
  $$select 1 from aclexplode((select proacl from pg_proc where proname = 'made_later')) as a where a.grantee = 0$$,
  'a function made later is not executable by PUBLIC either'
);

-- A call as each role, past the catalog
set local role anon;
select throws_ok(
  'select public.acontext_claim_deletions(tests.lease(1), 1, 80)', '42501', 'permission denied for function acontext_claim_deletions',
  'anon cannot claim deletions'
);
select throws_ok(
  'select 1 from acontext_sessions.settings', '42501', 'permission denied for schema acontext_sessions', 'anon cannot read settings'
);
set local role authenticated;
select throws_ok(
  'select public.acontext_request_session_deletion(tests.alice(), tests.session(1), tests.lease(1), 80)',
  '42501', 'permission denied for function acontext_request_session_deletion', 'authenticated cannot act for another user'
);
select throws_ok(
  'select public.acontext_configure_cleanup(''{}'')', '42501', 'permission denied for function acontext_configure_cleanup',
  'authenticated cannot change settings'
);
select throws_ok(
  'select 1 from acontext_sessions.deletion_log', '42501', 'permission denied for schema acontext_sessions',
  'authenticated cannot read receipts'
);
set local role service_role;
select throws_ok(
  'update acontext_sessions.settings set max_workers = 1', '42501', 'permission denied for table settings',
  'the service role cannot change settings past acontext_configure_cleanup'
);
select throws_ok(
  'delete from acontext_sessions.deletion_log', '42501', 'permission denied for table deletion_log',
  'the service role cannot remove receipts'
);
select throws_ok(
  'update acontext_sessions.deletion_log set attempts = 0', '42501', 'permission denied for table deletion_log',
  'the service role cannot change receipts'
);
select throws_ok(
  'select acontext_sessions.purge_history()', '42501', 'permission denied for function purge_history',
  'the service role cannot purge'
);
reset role;

select * from finish();
rollback;
