-- Removes what the migrations of this project made, and nothing else. Run it by hand as postgres, in the SQL editor or with
-- `psql -f`; docs/operations.md says what comes before. It is one transaction: when anything is in the way, nothing is removed.
--
-- It refuses while sessions or queued deletions are left: only their rows know what is theirs in Acontext. To leave all of
-- that behind in Acontext, run this first, in the same session:
--   set acontext_sessions.uninstall_anyway = 'yes';
--
-- No `cascade`: when an object of the app depends on one of ours, the error names it. The one exception is the function of
-- our triggers on auth.users, on which nothing else can depend: postgres may make such triggers, and not drop them.
-- The extensions stay, and so do answers of pg_net, which it forgets by itself.

begin;

do $$
declare
  v_owner text;
  v_sessions bigint := 0;
  v_deletions bigint := 0;
begin
  select n.nspowner::regrole::text into v_owner from pg_namespace as n where n.nspname = 'acontext_sessions';
  if v_owner is null then
    raise exception 'Nothing to uninstall: there is no schema acontext_sessions';
  end if;
  if v_owner <> current_user then
    raise exception 'Cannot uninstall as %: the cron jobs belong to %', current_user, v_owner;
  end if;

  -- From here to the end nobody adds a row. Half an installation does not have all tables.
  set local lock_timeout = '10s';
  if to_regclass('public.session_mappings') is not null then
    -- Made in one transaction with the table: had the app one of this name, our migrations failed there.
    if to_regprocedure('acontext_sessions.stamp_session()') is null then
      raise exception 'Cannot uninstall: the table public.session_mappings is the app''s'
        using hint = 'Only schema acontext_sessions and the first two migrations are of this project.';
    end if;
    lock table public.session_mappings in access exclusive mode;
    select count(*) into v_sessions from public.session_mappings;
  end if;
  if to_regclass('acontext_sessions.deletion_queue') is not null then
    lock table acontext_sessions.deletion_queue in access exclusive mode;
    select count(*) into v_deletions from acontext_sessions.deletion_queue;
  end if;
  if v_sessions + v_deletions > 0
    and coalesce(current_setting('acontext_sessions.uninstall_anyway', true), '') <> 'yes'
  then
    raise exception 'Cannot uninstall: % sessions and % queued deletions are left', v_sessions, v_deletions
      using
        detail = 'Only these rows know what is theirs in Acontext: without them it stays there for good.',
        hint = 'Delete the sessions first, see docs/operations.md, or give up what is there: '
          'set acontext_sessions.uninstall_anyway = ''yes''';
  end if;

  -- Extensions can be switched off, and then their tables are gone.
  if to_regclass('cron.job') is not null then
    perform cron.unschedule(j.jobname)
    from cron.job as j
    where j.username = current_user
      and j.jobname in (
        'acontext-sessions-cleanup', 'acontext-sessions-retry', 'acontext-sessions-reconcile', 'acontext-sessions-purge'
      );
    delete from cron.job_run_details as d
    where d.username = current_user and d.command like 'select acontext\_sessions.%';
  end if;
  if to_regclass('vault.secrets') is not null then
    delete from vault.secrets as s
    where s.name in ('acontext_sessions_project_url', 'acontext_sessions_secret_key');
  end if;
  -- Created by the CLI; absent when migrations are applied another way.
  if to_regclass('supabase_migrations.schema_migrations') is not null then
    delete from supabase_migrations.schema_migrations as m
    where m.version in (
      '20261127000001', '20261127000002', '20261127000003', '20261127000004', '20261127000005',
      '20261127000006', '20261127000007', '20261127000008', '20261127000009', '20261127000010',
      '20261127000011', '20261127000012', '20261127000013', '20261127000014', '20261127000015',
      '20261128000001', '20261128000002', '20261128000003', '20261128000004', '20261128000005',
      '20261128000006', '20261128000007', '20261128000008', '20261128000009', '20261128000010',
      '20261128000011', '20261128000012', '20261128000013', '20261128000014', '20261128000015',
      '20261128000020', '20261128000021', '20261128000022', '20261128000024', '20261128000025',
      '20261128000026', '20261128000027', '20261128000028', '20261128000029', '20261128000030',
      '20261128000031', '20261128000032', '20261128000033', '20261128000034', '20261128000035',
      '20261128000036', '20261128000037', '20261128000038', '20261128000039', '20261128000040',
      '20261128000041', '20261128000042', '20261128000043', '20261128000044'
    );
  end if;
end;
$$;

-- Functions that take or answer rows of a table, before the tables.
drop function if exists
  acontext_sessions.session_view,
  acontext_sessions.deletion_view,
  acontext_sessions.lease_deletions,
  acontext_sessions.run_view,
  acontext_sessions.call_problem;

drop table if exists
  acontext_sessions.settings,
  acontext_sessions.settings_log,
  public.session_mappings,
  acontext_sessions.deletion_queue,
  acontext_sessions.deletion_log,
  acontext_sessions.provisioning_leases,
  acontext_sessions.erased_users,
  acontext_sessions.uncertain_sessions,
  acontext_sessions.message_keys,
  acontext_sessions.restamp_state,
  acontext_sessions.set_aside,
  acontext_sessions.calls,
  acontext_sessions.user_rates,
  acontext_sessions.runs,
  acontext_sessions.reconcile_state;

drop function if exists
  public.acontext_begin_session(uuid, uuid, uuid, integer, jsonb, boolean, text, bigint),
  public.acontext_activate_session(uuid, uuid, uuid, uuid, uuid[], uuid[], boolean),
  public.acontext_release_session(uuid, uuid, uuid[], uuid[]),
  public.acontext_request_session_deletion(uuid, uuid, uuid, integer, integer),
  public.acontext_restore_session(uuid, uuid),
  public.acontext_claim_deletions(uuid, integer, integer, integer),
  public.acontext_claim_long_deletion(uuid, integer, integer, integer, integer),
  public.acontext_settle_deletions(uuid, jsonb),
  public.acontext_use_session(uuid, uuid, boolean, integer, boolean),
  public.acontext_note_write(uuid),
  public.acontext_begin_file_write(uuid, uuid),
  public.acontext_begin_message(uuid, uuid, uuid, integer, text, text),
  public.acontext_settle_message(uuid, text, uuid, text, uuid, timestamptz),
  public.acontext_start_sweep(uuid, boolean),
  public.acontext_queue_due_sessions(uuid, integer),
  public.acontext_preview_sweep(integer, boolean),
  public.acontext_finish_sweep(uuid, jsonb),
  public.acontext_start_reconcile(uuid, integer),
  public.acontext_find_unknown_sessions(jsonb),
  public.acontext_find_unknown_disks(jsonb),
  public.acontext_find_unknown_labels(jsonb),
  public.acontext_list_uncertain_sessions(uuid, integer),
  public.acontext_save_reconcile_progress(uuid, acontext_sessions.reconcile_phase, jsonb, jsonb, uuid[], boolean, text, integer, integer, integer),
  public.acontext_finish_reconcile(uuid, jsonb),
  public.acontext_configure_cleanup(jsonb),
  public.acontext_session_health(integer),
  public.acontext_list_runs(integer),
  public.acontext_list_stuck(integer),
  public.acontext_list_set_aside(integer),
  public.acontext_retry_deletion(uuid),
  public.acontext_count_user_data(uuid),
  public.acontext_set_vault_secrets(text, text),
  public.acontext_take_run(uuid, acontext_sessions.run_task),
  acontext_sessions.clock,
  acontext_sessions.random,
  acontext_sessions.run_timeout,
  acontext_sessions.stuck_attempts,
  acontext_sessions.write_gap,
  acontext_sessions.lock_slots,
  acontext_sessions.free_slots,
  acontext_sessions.ms_per_message,
  acontext_sessions.prepare_deletion,
  acontext_sessions.log_settings_change,
  acontext_sessions.stamp_session,
  acontext_sessions.metadata_fault,
  acontext_sessions.guard_session_change,
  acontext_sessions.bound_changes_at_once,
  acontext_sessions.quota_excess,
  acontext_sessions.plain_interval,
  acontext_sessions.take_rate,
  acontext_sessions.purge_rates,
  acontext_sessions.first_attempt_at,
  acontext_sessions.follow_session_status,
  acontext_sessions.guard_session_delete,
  acontext_sessions.guard_queue_change,
  acontext_sessions.refuse_truncate,
  acontext_sessions.lock_remote_ids,
  acontext_sessions.queue_orphans,
  acontext_sessions.set_moved_at,
  acontext_sessions.restamp_sessions,
  acontext_sessions.restamp_rows,
  acontext_sessions.put_aside,
  acontext_sessions.clear_set_aside,
  acontext_sessions.passes_by_itself,
  acontext_sessions.retry_delay,
  acontext_sessions.queue_stale,
  acontext_sessions.queue_erased,
  acontext_sessions.find_erased_users,
  acontext_sessions.count_erased,
  acontext_sessions.caller_may_see_sessions,
  acontext_sessions.is_no_estimate,
  acontext_sessions.lock_user,
  acontext_sessions.user_refusal,
  acontext_sessions.queue_expired,
  acontext_sessions.queue_sessions,
  acontext_sessions.expiry_allowed,
  acontext_sessions.expiry_scope,
  acontext_sessions.heavy_owner_from,
  acontext_sessions.heavy_owners,
  acontext_sessions.count_held_back,
  acontext_sessions.count_queued,
  acontext_sessions.count_expired,
  acontext_sessions.count_stale,
  acontext_sessions.count_due,
  acontext_sessions.usable_project_url,
  acontext_sessions.usable_secret_key,
  acontext_sessions.worker_secrets,
  acontext_sessions.call_worker,
  acontext_sessions.waits_in_pg_net,
  acontext_sessions.cron_values,
  acontext_sessions.schedule_fault,
  acontext_sessions.vault_facts,
  acontext_sessions.net_facts,
  acontext_sessions.cron_facts,
  acontext_sessions.expiry_is_unfinished,
  acontext_sessions.reconcile_was_missed,
  acontext_sessions.dispatch_sweep,
  acontext_sessions.dispatch_reconcile,
  acontext_sessions.purge_history,
  acontext_sessions.purge_unsettled_keys,
  acontext_sessions.mend_times,
  acontext_sessions.schedule_job,
  acontext_sessions.schedule_jobs,
  acontext_sessions.apply_settings,
  acontext_sessions.longest_pause,
  acontext_sessions.estimated_rows,
  acontext_sessions.capped_count,
  acontext_sessions.seconds_since,
  acontext_sessions.platform_facts,
  acontext_sessions.last_call,
  acontext_sessions.session_counts,
  acontext_sessions.queue_facts,
  acontext_sessions.run_facts,
  acontext_sessions.failed_in_a_row,
  acontext_sessions.seconds_until,
  acontext_sessions.store_worker_secrets;

drop function if exists
  acontext_sessions.note_erased_users cascade;

drop type if exists
  public.acontext_session_status,
  acontext_sessions.deletion_reason,
  acontext_sessions.deletion_proof,
  acontext_sessions.run_status,
  acontext_sessions.run_task,
  acontext_sessions.run_trigger,
  acontext_sessions.reconcile_phase;

drop schema acontext_sessions;

commit;
