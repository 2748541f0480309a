-- Purpose: a setting that says whether users whom Auth has banned may go on with the access token that they still have.
-- Risk: they may not any more, from the ban on; before, they could until their token ended, an hour at most.

alter table acontext_sessions.settings
  add column refuse_banned_users boolean not null default true;

comment on column acontext_sessions.settings.refuse_banned_users is
  'Users who are banned in Auth see and use nothing while the ban lasts, also with a token from before it.';

-- Security definer: the cron jobs must belong to the owner of the schema, no matter who changes a setting.
create or replace function acontext_sessions.apply_settings(p_changes jsonb)
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
    if v_new.max_workers * v_new.concurrency > v_new.max_remote_deletes then
      raise exception '% workers that each delete % at a time would exceed max_remote_deletes, which is %',
        v_new.max_workers, v_new.concurrency, v_new.max_remote_deletes;
    end if;
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
      max_remote_deletes = v_new.max_remote_deletes,
      max_messages_per_session = v_new.max_messages_per_session,
      disable_task_tracking = v_new.disable_task_tracking,
      max_expiry_fraction = v_new.max_expiry_fraction,
      max_expiry_minimum = v_new.max_expiry_minimum,
      log_retention = v_new.log_retention,
      refuse_banned_users = v_new.refuse_banned_users,
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
    update acontext_sessions.restamp_state as t set after_id = '00000000-0000-0000-0000-000000000000' where t.only_row;
    begin
      perform acontext_sessions.restamp_sessions(2000);
    exception when others then
      -- The setting holds all the same; runs go on with the rest, and health tells when they cannot.
      raise warning 'acontext_sessions: restamp_failed: % (%)', sqlerrm, sqlstate;
    end;
  end if;
  return to_jsonb(v_new) - 'only_row';
end;
$$;
