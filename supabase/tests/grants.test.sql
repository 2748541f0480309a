-- The exact grants of every schema, table, sequence, type and function of ours, whatever the project's default privileges.
begin;
\ir helpers/arrange.psql
select no_plan();

-- Every grant to somebody other than the owner. What an object has without an entry in its catalog counts.
create temporary view grants as
with objects (kind, name, owner, acl) as (
  select 'schema', n.nspname::text, n.nspowner, coalesce(n.nspacl, acldefault('n', n.nspowner))
  from pg_namespace as n where n.nspname = 'acontext_sessions'
  union all
  select
    'relation', c.relnamespace::regnamespace || '.' || c.relname, c.relowner,
    coalesce(c.relacl, acldefault(case c.relkind when 'S' then 's' else 'r' end::"char", c.relowner))
  from tests.our_relations() as c
  union all
  select
    'type', t.typnamespace::regnamespace || '.' || t.typname, t.typowner,
    coalesce(t.typacl, acldefault('T', t.typowner))
  from tests.our_types() as t
  union all
  select
    'function', p.pronamespace::regnamespace || '.' || p.proname, p.proowner,
    coalesce(p.proacl, acldefault('f', p.proowner))
  from tests.our_functions() as p
)
select
  o.kind, o.name, coalesce(r.rolname::text, 'PUBLIC') as grantee,
  string_agg(lower(a.privilege_type), ', ' order by a.privilege_type) as privileges
from objects as o
cross join lateral aclexplode(o.acl) as a
left join pg_roles as r on r.oid = a.grantee
where a.grantee <> o.owner
group by o.kind, o.name, r.rolname;

select bag_eq(
  $$select name, grantee, privileges from grants where kind <> 'function'$$,
  $$values
    ('acontext_sessions', 'service_role', 'usage'),
    ('public.session_mappings', 'authenticated', 'select'),
    ('public.session_mappings', 'service_role', 'delete, insert, select, update'),
    ('acontext_sessions.settings', 'service_role', 'select'),
    ('acontext_sessions.settings_log', 'service_role', 'select'),
    ('acontext_sessions.deletion_queue', 'service_role', 'delete, insert, select, update'),
    ('acontext_sessions.deletion_log', 'service_role', 'insert, select'),
    ('acontext_sessions.erased_users', 'service_role', 'select'),
    ('acontext_sessions.set_aside', 'service_role', 'delete, insert, select, update'),
    ('acontext_sessions.provisioning_leases', 'service_role', 'delete, insert, select, update'),
    ('acontext_sessions.uncertain_sessions', 'service_role', 'delete, insert, select, update'),
    ('acontext_sessions.message_keys', 'service_role', 'delete, insert, select, update'),
    ('acontext_sessions.user_rates', 'service_role', 'delete, insert, select, update'),
    ('acontext_sessions.restamp_state', 'service_role', 'select, update'),
    ('acontext_sessions.reconcile_state', 'service_role', 'select, update'),
    ('acontext_sessions.calls', 'service_role', 'select, update'),
    ('acontext_sessions.runs', 'service_role', 'insert, select, update')$$,
  'schema, tables, sequences and types are granted as listed and to nobody else'
);

-- What the Edge Functions call, and what that calls with their rights.
create temporary view called_by_service_role as
select name from unnest(array[
  'public.acontext_begin_session', 'public.acontext_activate_session', 'public.acontext_release_session',
  'public.acontext_request_session_deletion', 'public.acontext_restore_session', 'public.acontext_claim_deletions',
  'public.acontext_claim_long_deletion',
  'public.acontext_settle_deletions', 'public.acontext_use_session', 'public.acontext_note_write',
  'public.acontext_begin_message', 'public.acontext_begin_file_write',
  'public.acontext_settle_message', 'public.acontext_start_sweep', 'public.acontext_queue_due_sessions',
  'public.acontext_preview_sweep', 'public.acontext_finish_sweep', 'public.acontext_start_reconcile',
  'public.acontext_find_unknown_sessions', 'public.acontext_find_unknown_disks',
  'public.acontext_find_unknown_labels', 'public.acontext_list_uncertain_sessions',
  'public.acontext_save_reconcile_progress', 'public.acontext_finish_reconcile',
  'public.acontext_configure_cleanup', 'public.acontext_session_health', 'public.acontext_list_runs',
  'public.acontext_list_stuck', 'public.acontext_retry_deletion', 'public.acontext_count_user_data',
  'public.acontext_set_vault_secrets', 'public.acontext_take_run',
  'acontext_sessions.clock', 'acontext_sessions.random', 'acontext_sessions.run_timeout', 'acontext_sessions.stuck_attempts',
  'acontext_sessions.write_gap', 'acontext_sessions.lock_slots', 'acontext_sessions.free_slots', 'acontext_sessions.lease_deletions',
  'acontext_sessions.ms_per_message', 'acontext_sessions.session_view',
  'acontext_sessions.deletion_view', 'acontext_sessions.first_attempt_at', 'acontext_sessions.lock_remote_ids',
  'acontext_sessions.queue_orphans', 'acontext_sessions.queue_stale', 'acontext_sessions.queue_expired', 'acontext_sessions.queue_sessions', 'acontext_sessions.queue_erased',
  'acontext_sessions.count_erased', 'acontext_sessions.user_refusal', 'acontext_sessions.lock_user',
  'acontext_sessions.quota_excess', 'acontext_sessions.take_rate',
  'acontext_sessions.retry_delay', 'acontext_sessions.restamp_sessions', 'acontext_sessions.expiry_allowed',
  'acontext_sessions.count_queued', 'acontext_sessions.count_expired', 'acontext_sessions.count_stale',
  'acontext_sessions.count_due', 'acontext_sessions.dispatch_sweep', 'acontext_sessions.dispatch_reconcile',
  'acontext_sessions.apply_settings', 'acontext_sessions.longest_pause', 'acontext_sessions.estimated_rows',
  'acontext_sessions.capped_count', 'acontext_sessions.seconds_since', 'acontext_sessions.platform_facts',
  'acontext_sessions.last_call', 'acontext_sessions.run_view', 'acontext_sessions.session_counts',
  'acontext_sessions.queue_facts', 'acontext_sessions.run_facts', 'acontext_sessions.seconds_until',
  'acontext_sessions.store_worker_secrets',
  'public.acontext_list_set_aside', 'acontext_sessions.put_aside', 'acontext_sessions.clear_set_aside',
  'acontext_sessions.passes_by_itself', 'acontext_sessions.restamp_rows', 'acontext_sessions.expiry_scope',
  'acontext_sessions.heavy_owner_from', 'acontext_sessions.heavy_owners', 'acontext_sessions.count_held_back',
  'acontext_sessions.failed_in_a_row'
]) as f (name);

-- Triggers, and what only cron jobs and functions with the owner's rights call.
create temporary view called_by_owner as
select name from unnest(array[
  'acontext_sessions.log_settings_change', 'acontext_sessions.stamp_session',
  'acontext_sessions.guard_session_change', 'acontext_sessions.metadata_fault', 'acontext_sessions.follow_session_status',
  'acontext_sessions.guard_session_delete', 'acontext_sessions.guard_queue_change',
  'acontext_sessions.refuse_truncate', 'acontext_sessions.set_moved_at', 'acontext_sessions.usable_project_url', 'acontext_sessions.prepare_deletion',
  'acontext_sessions.usable_secret_key', 'acontext_sessions.worker_secrets', 'acontext_sessions.call_worker',
  'acontext_sessions.expiry_is_unfinished', 'acontext_sessions.reconcile_was_missed', 'acontext_sessions.purge_history', 'acontext_sessions.schedule_job',
  'acontext_sessions.schedule_jobs', 'acontext_sessions.find_erased_users', 'acontext_sessions.note_erased_users',
  'acontext_sessions.waits_in_pg_net', 'acontext_sessions.call_problem', 'acontext_sessions.vault_facts',
  'acontext_sessions.net_facts', 'acontext_sessions.cron_facts', 'acontext_sessions.cron_values',
  'acontext_sessions.schedule_fault', 'acontext_sessions.mend_times', 'acontext_sessions.purge_unsettled_keys',
  'acontext_sessions.schedule_fault', 'acontext_sessions.bound_changes_at_once', 'acontext_sessions.purge_rates',
  'acontext_sessions.plain_interval'
]) as f (name);

-- What the policies call with the rights of users, who cannot call it by name: its schema is closed to them.
create temporary view called_by_policies as
select name from unnest(array['acontext_sessions.caller_may_see_sessions', 'acontext_sessions.is_no_estimate']) as f (name);

select bag_eq(
  $$select name, grantee, privileges from grants where kind = 'function'$$,
  $$select name, 'service_role' as grantee, 'execute' as privileges from called_by_service_role
    union all select name, 'authenticated', 'execute' from called_by_policies$$,
  'functions are granted to the service role and to policies as listed, and to nobody else'
);
select bag_eq(
  $$select p.pronamespace::regnamespace || '.' || p.proname from tests.our_functions() as p$$,
  'select name from called_by_service_role union all select name from called_by_owner union all select name from called_by_policies',
  'the lists know every function'
);
-- Rights can also come from a role that is a member of another.
select is_empty(
  format(
    $$select p.oid::regprocedure from tests.our_functions() as p
      where has_function_privilege(%1$L, p.oid, 'EXECUTE')
        and has_schema_privilege(%1$L, p.pronamespace, 'USAGE')$$, r.name
  ),
  'no function is executable by ' || r.name
)
from unnest(array['anon', 'authenticated']) as r (name);

-- Columns
select bag_eq(
  $$select a.attrelid::regclass || '.' || a.attname, g.grantee::regrole::text, lower(g.privilege_type)
    from tests.our_relations() as c
    join pg_attribute as a on a.attrelid = c.oid
    cross join lateral aclexplode(a.attacl) as g$$,
  $$values
    ('session_mappings.metadata', 'authenticated', 'update'), ('session_mappings.pinned', 'authenticated', 'update'),
    ('session_mappings.title', 'authenticated', 'update'), ('session_mappings.ttl', 'authenticated', 'update')$$,
  'authenticated may update title, metadata, pinned and ttl, and no other column has a grant of its own'
);

-- The project's own defaults are not ours to change.
create function public.made_later() returns integer language sql set search_path = '' as 'select 1';
select ok(
  has_function_privilege('authenticated', 'public.made_later()', 'EXECUTE'),
  'a function that the app makes later is executable without a grant, as it always was'
);

select * from finish();
rollback;
