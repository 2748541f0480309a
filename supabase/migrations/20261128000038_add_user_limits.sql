-- Purpose: settings that bound what one user may cost, with defaults that hold for a project that has said nothing; settings
-- that are intervals last as long as their range check takes them for.
-- Risk: users who have more sessions than the new quota keep them and make no more; calls above the rates are refused.

alter table acontext_sessions.settings
  alter column max_sessions_per_user set default 1000,
  add column max_sessions_per_anonymous_user integer default 50,
  add column max_creations_per_minute integer default 30,
  add column max_deletions_per_minute integer default 120,
  add column max_stores_per_minute integer default 600,
  add column max_file_writes_per_minute integer default 120,
  add constraint max_sessions_per_anonymous_user_positive check (max_sessions_per_anonymous_user > 0),
  add constraint max_creations_per_minute_in_range check (max_creations_per_minute between 1 and 100000),
  add constraint max_deletions_per_minute_in_range check (max_deletions_per_minute between 1 and 100000),
  add constraint max_stores_per_minute_in_range check (max_stores_per_minute between 1 and 100000),
  add constraint max_file_writes_per_minute_in_range check (max_file_writes_per_minute between 1 and 100000);

comment on column acontext_sessions.settings.max_sessions_per_user is
  'Sessions that a user has at most, and as many more that are still being deleted; null: no limit.';
comment on column acontext_sessions.settings.max_sessions_per_anonymous_user is
  'The same for users who signed in anonymously, for whom both hold; null: only max_sessions_per_user.';
comment on column acontext_sessions.settings.max_creations_per_minute is
  'Sessions that a user makes in a minute, also all at once; null: no limit.';
comment on column acontext_sessions.settings.max_deletions_per_minute is
  'Sessions that a user deletes in a minute, also all at once; null: no limit.';
comment on column acontext_sessions.settings.max_stores_per_minute is
  'Messages that a user stores in a minute, also all at once, in all sessions together; null: no limit.';
comment on column acontext_sessions.settings.max_file_writes_per_minute is
  'Files that a user uploads, replaces or removes in a minute, also all at once; null: no limit.';

-- Null was the default, and nobody's choice.
update acontext_sessions.settings as s
set max_sessions_per_user = default
where s.only_row and s.max_sessions_per_user is null;

create function acontext_sessions.plain_interval(p_interval interval)
returns interval
language plpgsql
immutable
strict
security invoker
set search_path = ''
as $$
declare
  v_days numeric := extract(year from p_interval) * 360 + extract(month from p_interval) * 30 + extract(day from p_interval);
  v_seconds numeric := extract(hour from p_interval) * 3600 + extract(minute from p_interval) * 60 + extract(second from p_interval);
begin
  if extract(year from p_interval) = 0 and extract(month from p_interval) = 0 and v_days >= 0 and v_seconds >= 0 then
    return p_interval;
  end if;
  v_seconds := v_days * 86400 + v_seconds;
  v_days := trunc(v_seconds / 86400);
  return make_interval(days => v_days::integer, secs => (v_seconds - v_days * 86400)::double precision);
end;
$$;

revoke execute on function acontext_sessions.plain_interval(interval) from public, anon, authenticated, service_role;

comment on function acontext_sessions.plain_interval(interval) is
  'The same length without months, years and opposite signs, a month taken for 30 days as comparisons do: the calendar may make "-1000 years 363650 days" anything else.';

-- What was set for sessions that are there gets no shorter: a year had up to 366 days, a month up to 31.
update acontext_sessions.restamp_state as t
set after_id = '00000000-0000-0000-0000-000000000000'
where t.only_row and exists (
  select 1 from acontext_sessions.settings as s
  where extract(year from s.session_ttl) <> 0 or extract(month from s.session_ttl) <> 0
);
update acontext_sessions.settings as s
set session_ttl = least(
    interval '3650 days',
    acontext_sessions.plain_interval(s.session_ttl) + make_interval(
      days => greatest(0, extract(year from s.session_ttl) * 6 + extract(month from s.session_ttl))::integer
    )
  ),
  provisioning_timeout = acontext_sessions.plain_interval(s.provisioning_timeout),
  deletion_grace = acontext_sessions.plain_interval(s.deletion_grace),
  orphan_grace = acontext_sessions.plain_interval(s.orphan_grace),
  touch_granularity = acontext_sessions.plain_interval(s.touch_granularity),
  log_retention = acontext_sessions.plain_interval(s.log_retention)
where s.only_row;

-- A new project has changed nothing.
delete from acontext_sessions.settings_log as l
where l.changed_at = acontext_sessions.clock() and not exists (select 1 from public.session_mappings);

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
  v_schedule record;
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
    v_new.session_ttl := acontext_sessions.plain_interval(v_new.session_ttl);
    v_new.provisioning_timeout := acontext_sessions.plain_interval(v_new.provisioning_timeout);
    v_new.deletion_grace := acontext_sessions.plain_interval(v_new.deletion_grace);
    v_new.orphan_grace := acontext_sessions.plain_interval(v_new.orphan_grace);
    v_new.touch_granularity := acontext_sessions.plain_interval(v_new.touch_granularity);
    v_new.log_retention := acontext_sessions.plain_interval(v_new.log_retention);
    if v_new.max_workers * v_new.concurrency > v_new.max_remote_deletes then
      raise exception '% workers that each delete % at a time would exceed max_remote_deletes, which is %',
        v_new.max_workers, v_new.concurrency, v_new.max_remote_deletes;
    end if;
    -- pg_cron accepts these. Those that were stored before stand in nobody's way; health tells them.
    select n.key, n.value into v_schedule
    from jsonb_each_text(to_jsonb(v_new)) as n
    where n.key like '%\_schedule' and n.value is distinct from to_jsonb(v_old) ->> n.key
      and acontext_sessions.schedule_fault(n.value) is not null
    order by n.key limit 1;
    if found then
      raise exception '% cannot be "%": %', v_schedule.key, v_schedule.value,
        case acontext_sessions.schedule_fault(v_schedule.value)
          when 'never' then 'that never comes'
          when 'only_at_start' then 'that comes only when the database starts'
          else 'pg_cron reads five fields and ignores the rest'
        end;
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
      max_sessions_per_anonymous_user = v_new.max_sessions_per_anonymous_user,
      max_creations_per_minute = v_new.max_creations_per_minute,
      max_deletions_per_minute = v_new.max_deletions_per_minute,
      max_stores_per_minute = v_new.max_stores_per_minute,
      max_file_writes_per_minute = v_new.max_file_writes_per_minute,
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
