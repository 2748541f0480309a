-- Purpose: the cron jobs, and the one function that changes settings.
-- Risk: from here on the schedule runs; until the two Vault secrets exist it only records that it is not configured.

create function acontext_sessions.purge_history()
returns integer
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  -- More than any project of this kind deletes in a day: a purge that falls behind is no purge.
  v_limit constant integer := 1000000;
  -- Read once: asked for each row, the time would cost more than the rest.
  v_now constant timestamptz := acontext_sessions.clock();
  v_before timestamptz;
  v_total integer := 0;
  v_count integer;
begin
  select v_now - s.log_retention into v_before from acontext_sessions.settings as s;

  -- Not before reconcile has found what its session may have left behind: the id could be used again.
  delete from acontext_sessions.deletion_log as l where l.log_id in (
    select d.log_id from acontext_sessions.deletion_log as d
    where d.finished_at < v_before
      and d.finished_at < (select t.reconciled_until from acontext_sessions.reconcile_state as t)
    order by d.finished_at limit v_limit
  );
  get diagnostics v_count = row_count;
  v_total := v_total + v_count;

  delete from acontext_sessions.runs as r where r.id in (
    select d.id from acontext_sessions.runs as d
    where d.requested_at < v_before order by d.requested_at limit v_limit
  );
  get diagnostics v_count = row_count;
  v_total := v_total + v_count;

  delete from acontext_sessions.settings_log as l where l.log_id in (
    select d.log_id from acontext_sessions.settings_log as d
    where d.changed_at < v_before order by d.changed_at limit v_limit
  );
  get diagnostics v_count = row_count;
  v_total := v_total + v_count;

  -- A client that repeats a call does so within hours.
  delete from acontext_sessions.message_keys as k where (k.session_id, k.key_hash) in (
    select d.session_id, d.key_hash from acontext_sessions.message_keys as d
    where d.created_at < v_now - interval '2 days' order by d.created_at limit v_limit
  );
  get diagnostics v_count = row_count;
  v_total := v_total + v_count;

  -- Other jobs of the project may want a longer history than a week; ours do not.
  delete from cron.job_run_details as d where d.runid in (
    -- By command: a recreated job has a new id. A run that a crash ended has no end time.
    select r.runid
    from cron.job_run_details as r
    where r.command like 'select acontext_sessions.%'
      and coalesce(r.end_time, r.start_time) < v_now - interval '7 days'
    order by r.runid limit v_limit
  );
  get diagnostics v_count = row_count;
  return v_total + v_count;
end;
$$;

revoke execute on function acontext_sessions.purge_history() from public, anon, authenticated, service_role;

comment on function acontext_sessions.purge_history() is
  'Removes receipts, runs and changes of settings older than log_retention, message keys older than two days and our cron history older than a week; at most a million of each at a time.';

create function acontext_sessions.schedule_job(p_name text, p_schedule text, p_command text)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  -- cron.schedule keeps a deactivated job deactivated, so the job is recreated.
  perform cron.unschedule(j.jobname)
  from cron.job as j where j.jobname = p_name and j.username = current_user;
  perform cron.schedule(p_name, p_schedule, p_command);
end;
$$;

revoke execute on function acontext_sessions.schedule_job(text, text, text) from public, anon, authenticated, service_role;

comment on function acontext_sessions.schedule_job(text, text, text) is
  'Creates a cron job, or recreates it with this schedule and command; active either way.';

create function acontext_sessions.schedule_jobs()
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_settings acontext_sessions.settings;
begin
  select s.* into v_settings from acontext_sessions.settings as s;
  perform acontext_sessions.schedule_job(
    'acontext-sessions-cleanup', v_settings.cleanup_schedule,
    $job$select acontext_sessions.dispatch_sweep('schedule', true, false)$job$
  );
  perform acontext_sessions.schedule_job(
    'acontext-sessions-retry', v_settings.retry_schedule,
    $job$select acontext_sessions.dispatch_sweep('retry', false, false)$job$
  );
  perform acontext_sessions.schedule_job(
    'acontext-sessions-reconcile', v_settings.reconcile_schedule,
    $job$select acontext_sessions.dispatch_reconcile('schedule')$job$
  );
  perform acontext_sessions.schedule_job(
    'acontext-sessions-purge', '17 3 * * *', 'select acontext_sessions.purge_history()'
  );
end;
$$;

revoke execute on function acontext_sessions.schedule_jobs() from public, anon, authenticated, service_role;

comment on function acontext_sessions.schedule_jobs() is 'Makes the cron jobs follow the settings.';

select acontext_sessions.schedule_jobs();

-- Security definer: the cron jobs must belong to the owner of the schema, no matter who changes a setting.
create function acontext_sessions.apply_settings(p_changes jsonb)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_unknown text;
  v_old acontext_sessions.settings;
  v_new acontext_sessions.settings;
begin
  if p_changes is null or jsonb_typeof(p_changes) <> 'object' then
    raise sqlstate 'PT400' using message = 'Cannot change settings: not a JSON object';
  end if;
  select s.* into v_old from acontext_sessions.settings as s for update;

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
    update acontext_sessions.settings as s
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
      max_expiry_fraction = v_new.max_expiry_fraction,
      max_expiry_minimum = v_new.max_expiry_minimum,
      log_retention = v_new.log_retention,
      updated_at = acontext_sessions.clock()
    where s.only_row
    returning s.* into v_new;
    perform acontext_sessions.schedule_jobs();
  exception when others then
    raise sqlstate 'PT400' using message = 'Cannot change settings: ' || sqlerrm;
  end;

  if v_new.session_ttl is distinct from v_old.session_ttl then
    -- What the expiry limit allowed before the change no longer holds.
    update acontext_sessions.runs as r set expiry_allowed = null where r.status <> 'finished';
    update acontext_sessions.restamp_state as t set after_id = '00000000-0000-0000-0000-000000000000';
    perform acontext_sessions.restamp_sessions(2000);
  end if;
  return to_jsonb(v_new) - 'only_row';
end;
$$;

revoke execute on function acontext_sessions.apply_settings(jsonb) from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.apply_settings(jsonb) to service_role;

comment on function acontext_sessions.apply_settings(jsonb) is
  'Validates and stores settings, reschedules the cron jobs and begins to restamp what expires. See public.acontext_configure_cleanup.';

create function public.acontext_configure_cleanup(p_changes jsonb)
returns jsonb
language sql
volatile
security invoker
set search_path = ''
as $$
  select acontext_sessions.apply_settings(p_changes);
$$;

revoke execute on function public.acontext_configure_cleanup(jsonb) from public, anon, authenticated, service_role;
grant execute on function public.acontext_configure_cleanup(jsonb) to service_role;

comment on function public.acontext_configure_cleanup(jsonb) is
  'Changes settings, for example {"session_ttl": "7 days", "cleanup_schedule": "0 3 * * *"}, and answers all of them. Raises PT400 naming what is wrong.';
