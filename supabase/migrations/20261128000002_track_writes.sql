-- Purpose: when a session was last written to, how many of its messages are surely stored, and the settings that bound deletes.
-- Risk: two nullable columns; `concurrency` is lowered where workers together would exceed max_remote_deletes.

-- The settings first: a run that a cron job has just started locks them before the sessions, and would meet us head-on.
alter table acontext_sessions.settings
  add column max_remote_deletes integer not null default 32,
  add column max_messages_per_session integer,
  add column disable_task_tracking boolean not null default false,
  add constraint max_remote_deletes_in_range check (max_remote_deletes between 1 and 256),
  add constraint max_messages_per_session_positive check (max_messages_per_session > 0);

alter table public.session_mappings
  add column last_write_at timestamptz,
  add column message_count_is_exact boolean not null default false;
-- Of the rows that are there it may not be: a call whose fate was not known was counted.
alter table public.session_mappings alter column message_count_is_exact set default true;

comment on column public.session_mappings.last_write_at is
  'When something was last stored in or removed from Acontext for this session, to a second; null when never. No remote delete begins within acontext_sessions.write_gap() of it.';
comment on column public.session_mappings.message_count_is_exact is
  'False for sessions of version 0.1.0, whose message_count may include messages that were not stored.';

comment on column acontext_sessions.settings.max_remote_deletes is
  'Deletes that Acontext works on at a time, of all workers and user calls together. Each of a session takes two of its database connections.';
comment on column acontext_sessions.settings.max_messages_per_session is
  'A session with this many messages takes no more; null: no limit. The time that a delete takes grows with them.';
comment on column acontext_sessions.settings.disable_task_tracking is
  'New sessions are not read by Acontext''s task agent, unless their creator says otherwise.';

-- What exceeded the limit that is new here, and what is left for the users' own calls.
update acontext_sessions.settings as s
set max_workers = least(s.max_workers, 28),
  concurrency = least(s.concurrency, 28 / least(s.max_workers, 28))
where s.only_row;

-- A new project has changed nothing.
delete from acontext_sessions.settings_log as l
where l.changed_at = acontext_sessions.clock() and not exists (select 1 from public.session_mappings);

alter table acontext_sessions.settings
  alter column concurrency set default 7,
  add constraint deletes_of_workers_within_limit check (max_workers * concurrency <= max_remote_deletes);

create function acontext_sessions.write_gap()
returns interval
language sql
immutable
security invoker
set search_path = ''
as $$
  select interval '3 seconds';
$$;

revoke execute on function acontext_sessions.write_gap() from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.write_gap() to service_role;

comment on function acontext_sessions.write_gap() is
  'How long after a write a remote delete has to wait: Acontext counts references once a second, and content that is deleted before it is counted stays for ever.';

-- Serves the number of messages that are surely stored.
create index message_keys_unsettled on acontext_sessions.message_keys (session_id) where message_id is null;

drop function public.acontext_use_session(uuid, uuid, boolean, integer);

create function public.acontext_use_session(
  p_user_id uuid,
  p_session_id uuid,
  p_touch boolean,
  p_new_messages integer default 0,
  p_writes boolean default false
)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_now timestamptz := acontext_sessions.clock();
  v_session public.session_mappings;
  v_settings acontext_sessions.settings;
  v_granularity interval;
  v_ttl interval;
  v_touch boolean;
  v_writes boolean := p_writes or p_new_messages > 0;
begin
  select s.* into v_session
  from public.session_mappings as s
  where s.id = p_session_id and s.user_id = p_user_id;
  if not found then
    return jsonb_build_object('outcome', 'not_found');
  elsif v_session.status <> 'active' then
    return jsonb_build_object('outcome', v_session.status);
  end if;
  -- Not by expires_at: after a change of session_ttl that may be the old one for a while.
  select s.* into v_settings from acontext_sessions.settings as s;
  v_ttl := case when not v_session.pinned then coalesce(v_session.ttl, v_settings.session_ttl) end;
  if v_session.last_activity_at + v_ttl <= v_now then
    return jsonb_build_object('outcome', 'expired');
  elsif p_new_messages > 0 and v_session.message_count + p_new_messages > v_settings.max_messages_per_session then
    return jsonb_build_object('outcome', 'full', 'limit', v_settings.max_messages_per_session);
  end if;

  -- A short life is touched more often than every granularity, or it would end while the session is in use.
  v_granularity := least(v_settings.touch_granularity, v_ttl / 10);
  v_touch := p_touch and v_session.last_activity_at <= v_now - v_granularity;
  -- Most calls change nothing, or unindexed columns alone, which keeps the update within its page.
  if v_touch or v_writes then
    update public.session_mappings as s
    set last_activity_at = case when v_touch then greatest(s.last_activity_at, v_now) else s.last_activity_at end,
      last_write_at = case when v_writes then greatest(s.last_write_at, v_now) else s.last_write_at end,
      message_count = s.message_count + p_new_messages
    where s.id = p_session_id and s.status = 'active';
    if not found then
      -- Deleted between our look and our update.
      return jsonb_build_object('outcome', 'deleting');
    end if;
  end if;
  return jsonb_build_object(
    'outcome', 'ok',
    'acontextSessionId', v_session.acontext_session_id,
    'acontextDiskId', v_session.acontext_disk_id,
    'writtenMsAgo', case when v_session.last_write_at is not null then
      greatest(0, ceil(extract(epoch from v_now - v_session.last_write_at) * 1000))::bigint
    end,
    'storedMessages', case when v_session.message_count_is_exact then
      v_session.message_count - (
        select count(*) from acontext_sessions.message_keys as k
        where k.session_id = p_session_id and k.message_id is null and k.counted
      )
    end
  );
end;
$$;

revoke execute on function public.acontext_use_session(uuid, uuid, boolean, integer, boolean) from public, anon, authenticated, service_role;
grant execute on function public.acontext_use_session(uuid, uuid, boolean, integer, boolean) to service_role;

comment on function public.acontext_use_session(uuid, uuid, boolean, integer, boolean) is
  'Checks that a session is the caller''s and alive, marks it as used (at most once per touch_granularity) or written to, and counts new messages. Answers how long ago it was written to before, and how many messages it surely holds, each null when not known. Outcomes: ok, not_found, provisioning, deleting, expired, full.';

create function public.acontext_note_write(p_session_id uuid)
returns void
language sql
volatile
security invoker
set search_path = ''
as $$
  update public.session_mappings as s
  set last_write_at = greatest(s.last_write_at, acontext_sessions.clock())
  where s.id = p_session_id;
$$;

revoke execute on function public.acontext_note_write(uuid) from public, anon, authenticated, service_role;
grant execute on function public.acontext_note_write(uuid) to service_role;

comment on function public.acontext_note_write(uuid) is
  'A write to the session''s remote resources is under way right now: told every second of a long one, and at its end.';

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
