-- Purpose: a schedule that pg_cron accepts and never carries out is refused; a new session_ttl holds although sessions cannot follow it yet.
-- Risk: none; new functions, and functions are replaced.

create function acontext_sessions.cron_values(p_field text, p_low integer, p_high integer, p_names text[])
returns integer[]
language plpgsql
immutable
security invoker
set search_path = ''
as $$
declare
  v_item text;
  v_parts text[];
  v_from integer;
  v_to integer;
  v_values integer[] := array[]::integer[];
begin
  foreach v_item in array string_to_array(lower(p_field), ',') loop
    v_parts := regexp_match(v_item, '^(\*|\d{1,4}|[a-z]{3})(?:-(\d{1,4}|[a-z]{3}))?(?:/(\d{1,4}))?$');
    if v_parts is null then
      -- Whatever pg_cron takes it for.
      return array(select generate_series(p_low, p_high));
    end if;
    v_parts := array(
      select coalesce((array_position(p_names, t.part) - 1 + p_low)::text, t.part)
      from unnest(v_parts) with ordinality as t (part, place) order by t.place
    );
    if v_parts[1] = '*' then
      v_from := p_low;
      v_to := p_high;
    elsif v_parts[1] ~ '\D' or v_parts[2] ~ '\D' then
      return array(select generate_series(p_low, p_high));
    else
      v_from := v_parts[1]::integer;
      v_to := coalesce(v_parts[2], v_parts[1])::integer;
    end if;
    v_values := v_values || array(
      select generate_series(v_from, v_to, greatest(coalesce(v_parts[3], '1')::integer, 1))
    );
  end loop;
  return v_values;
end;
$$;

revoke execute on function acontext_sessions.cron_values(text, integer, integer, text[])
from public, anon, authenticated, service_role;

comment on function acontext_sessions.cron_values(text, integer, integer, text[]) is
  'The values that a field of a cron schedule allows: none for "5-1". All for what it does not understand.';

create function acontext_sessions.schedule_fault(p_schedule text)
returns text
language plpgsql
immutable
strict
security invoker
set search_path = ''
as $$
declare
  v_schedule text := lower(btrim(p_schedule, E' \t\r\n'));
  v_fields text[];
  v_days integer[];
  v_weekdays integer[];
  v_months integer[];
begin
  if v_schedule ~ '^@(reboot|restart)\M' then
    return 'only_at_start';
  end if;
  if v_schedule ~ '^@' or v_schedule ~ '^\d+\s*seconds?$' then
    return null;
  end if;
  v_fields := regexp_split_to_array(v_schedule, '\s+');
  if cardinality(v_fields) > 5 then
    return 'more_than_five_fields';
  end if;
  if cardinality(v_fields) < 5 then
    return null;
  end if;

  v_months := acontext_sessions.cron_values(
    v_fields[4], 1, 12, '{jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec}'
  );
  if cardinality(acontext_sessions.cron_values(v_fields[1], 0, 59, '{}')) = 0
    or cardinality(acontext_sessions.cron_values(v_fields[2], 0, 23, '{}')) = 0
    or cardinality(v_months) = 0
  then
    return 'never';
  end if;
  v_weekdays := acontext_sessions.cron_values(v_fields[5], 0, 7, '{sun,mon,tue,wed,thu,fri,sat}');
  -- Of days that no month of these has, the 31st of February for example, none is left.
  select coalesce(array_agg(d.day), '{}') into v_days
  from unnest(acontext_sessions.cron_values(v_fields[3], 1, 31, '{}')) as d (day)
  where d.day <= (
    select max(case when m.month = 2 then 29 when m.month in (4, 6, 9, 11) then 30 else 31 end)
    from unnest(v_months) as m (month)
  );
  -- With a star in either, a day has to be allowed by both; else by one of them.
  if left(v_fields[3], 1) = '*' or left(v_fields[5], 1) = '*' then
    return case when cardinality(v_days) = 0 or cardinality(v_weekdays) = 0 then 'never' end;
  end if;
  return case when cardinality(v_days) = 0 and cardinality(v_weekdays) = 0 then 'never' end;
end;
$$;

revoke execute on function acontext_sessions.schedule_fault(text) from public, anon, authenticated, service_role;

comment on function acontext_sessions.schedule_fault(text) is
  'Why a schedule that pg_cron accepts is not what it looks like: never, only_at_start (@reboot), more_than_five_fields (pg_cron reads five); null when it is well.';

create or replace function acontext_sessions.schedule_job(p_name text, p_schedule text, p_command text)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  if to_regclass('cron.job') is null then
    raise exception 'pg_cron is switched off; switch it on in the SQL editor: create extension pg_cron with schema pg_catalog';
  end if;
  -- cron.schedule keeps a deactivated job deactivated, so the job is recreated.
  perform cron.unschedule(j.jobname)
  from cron.job as j where j.jobname = p_name and j.username = current_user;
  perform cron.schedule(p_name, p_schedule, p_command);
end;
$$;

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
