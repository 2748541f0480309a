-- Purpose: the cron jobs, and the one function that changes settings.
-- Risk: from here on the schedule runs; until the two Vault secrets exist it only records that it is not configured.

create function private.schedule_job(p_name text, p_schedule text, p_command text)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  -- cron.schedule keeps a deactivated job deactivated, so the job is made anew.
  perform cron.unschedule(j.jobname)
  from cron.job as j where j.jobname = p_name and j.username = current_user;
  perform cron.schedule(p_name, p_schedule, p_command);
end;
$$;

revoke execute on function private.schedule_job(text, text, text) from public, anon, authenticated;

comment on function private.schedule_job(text, text, text) is
  'Makes a cron job, or makes it anew with this schedule and command, active.';

create function private.schedule_jobs()
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_settings private.settings;
begin
  select s.* into v_settings from private.settings as s;
  perform private.schedule_job(
    'acontext-sessions-cleanup', v_settings.cleanup_schedule,
    $job$select private.dispatch_cleanup('nightly', true, false)$job$
  );
  perform private.schedule_job(
    'acontext-sessions-retry', v_settings.retry_schedule,
    $job$select private.dispatch_cleanup('retry', false, false)$job$
  );
  perform private.schedule_job(
    'acontext-sessions-reconcile', v_settings.reconcile_schedule,
    'select private.dispatch_reconcile()'
  );
  perform private.schedule_job(
    'acontext-sessions-purge', '17 3 * * *', 'select private.purge_cleanup_history()'
  );
end;
$$;

revoke execute on function private.schedule_jobs() from public, anon, authenticated;

comment on function private.schedule_jobs() is 'Makes the cron jobs follow the settings.';

select private.schedule_jobs();

-- Security definer: the cron jobs must belong to the owner of the private schema, whoever changes a setting.
create function private.apply_settings(p_changes jsonb)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_unknown text;
  v_old private.settings;
  v_new private.settings;
begin
  if p_changes is null or jsonb_typeof(p_changes) <> 'object' then
    raise sqlstate 'PT400' using message = 'Cannot change settings: not a JSON object';
  end if;
  select s.* into v_old from private.settings as s for update;

  select k into v_unknown
  from jsonb_object_keys(p_changes) as k
  where k in ('only_row', 'updated_at') or not to_jsonb(v_old) ? k
  order by k limit 1;
  if found then
    raise sqlstate 'PT400' using
      message = format('Cannot change settings: unknown setting %I', v_unknown);
  end if;

  begin
    v_new := jsonb_populate_record(v_old, p_changes);
    update private.settings as s
    set cleanup_enabled = v_new.cleanup_enabled,
      cleanup_schedule = v_new.cleanup_schedule,
      retry_schedule = v_new.retry_schedule,
      reconcile_schedule = v_new.reconcile_schedule,
      session_ttl = v_new.session_ttl,
      provisioning_timeout = v_new.provisioning_timeout,
      deletion_grace = v_new.deletion_grace,
      orphan_grace = v_new.orphan_grace,
      touch_granularity = v_new.touch_granularity,
      max_sessions_per_user = v_new.max_sessions_per_user,
      max_workers = v_new.max_workers,
      max_per_run = v_new.max_per_run,
      concurrency = v_new.concurrency,
      breaker_fraction = v_new.breaker_fraction,
      breaker_minimum = v_new.breaker_minimum,
      log_retention = v_new.log_retention,
      updated_at = private.clock()
    where s.only_row
    returning s.* into v_new;
    perform private.schedule_jobs();
  exception when others then
    raise sqlstate 'PT400' using message = 'Cannot change settings: ' || sqlerrm;
  end;

  if v_new.session_ttl is distinct from v_old.session_ttl then
    update public.session_mappings as s
    set expires_at = s.last_activity_at + v_new.session_ttl
    where s.ttl is null and not s.pinned and s.status <> 'deleting';
  end if;
  return to_jsonb(v_new) - 'only_row';
end;
$$;

revoke execute on function private.apply_settings(jsonb) from public, anon, authenticated;
grant execute on function private.apply_settings(jsonb) to service_role;

comment on function private.apply_settings(jsonb) is
  'Validates and stores settings, reschedules the cron jobs and restamps what expires. See public.configure_cleanup.';

create function public.configure_cleanup(p_changes jsonb)
returns jsonb
language sql
volatile
security invoker
set search_path = ''
as $$
  select private.apply_settings(p_changes);
$$;

revoke execute on function public.configure_cleanup(jsonb) from public, anon, authenticated;
grant execute on function public.configure_cleanup(jsonb) to service_role;

comment on function public.configure_cleanup(jsonb) is
  'Changes settings, for example {"session_ttl": "7 days", "cleanup_schedule": "0 3 * * *"}, and answers all of them. Raises PT400 naming what is wrong.';
