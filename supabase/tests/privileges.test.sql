-- Who may do what: row level security, how functions are made, and calls as each role. The grants are in grants.test.sql.
begin;
\ir helpers/arrange.psql
select no_plan();

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

-- Functions
create temporary view our_functions as
select p.oid, p.pronamespace::regnamespace::text as schema, p.oid::regprocedure::text as name, p.prosecdef, p.proconfig
from tests.our_functions() as p;

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
    'acontext_sessions.dispatch_sweep(acontext_sessions.run_trigger,boolean,boolean)', 'acontext_sessions.dispatch_reconcile(acontext_sessions.run_trigger)',
    'acontext_sessions.call_worker(acontext_sessions.run_task,acontext_sessions.run_trigger,boolean,boolean)', 'acontext_sessions.platform_facts()',
    'acontext_sessions.last_call()', 'acontext_sessions.user_refusal(uuid)', 'acontext_sessions.lock_user(uuid)',
    'acontext_sessions.caller_may_see_sessions()', 'acontext_sessions.queue_erased(integer)', 'acontext_sessions.find_erased_users(boolean)',
    'acontext_sessions.note_erased_users()', 'acontext_sessions.store_worker_secrets(text,text)',
    'acontext_sessions.quota_excess(uuid,boolean)'
  ],
  'the functions that run with the owner''s rights are the known ones'
);
select is_empty(
  $$select name from our_functions where obj_description(oid, 'pg_proc') is null
      and name not in ('acontext_sessions.clock()', 'acontext_sessions.random()')$$,
  'every function says what it is for'
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
