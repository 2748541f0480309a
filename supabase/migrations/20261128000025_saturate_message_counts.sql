-- Purpose: a message is stored however many a session has: its count stays at the largest integer.
-- Risk: none; two functions are replaced.

create or replace function public.acontext_use_session(
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
  v_refusal text := acontext_sessions.user_refusal(p_user_id);
begin
  if v_refusal is not null then
    return jsonb_build_object('outcome', v_refusal);
  end if;
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
  elsif p_new_messages > 0
    and v_session.message_count::bigint + p_new_messages > v_settings.max_messages_per_session
  then
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
      message_count = least(s.message_count::bigint + p_new_messages, 2147483647)::integer,
      -- Functions of version 0.1.0 count without a key, and keep the count when the fate of the message is not known.
      message_count_is_exact = s.message_count_is_exact and (p_new_messages = 0 or p_writes)
        and s.message_count::bigint + p_new_messages < 2147483647
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
    -- In one statement: what is settled between two would be taken off a count that still has it.
    'storedMessages', (
      select s.message_count - p_new_messages - (
        select count(*) from acontext_sessions.message_keys as k
        where k.session_id = p_session_id and k.message_id is null and k.counted
      )
      from public.session_mappings as s
      where s.id = p_session_id and s.message_count_is_exact
    )
  );
end;
$$;

comment on function public.acontext_use_session(uuid, uuid, boolean, integer, boolean) is
  'Checks that a session is the caller''s and alive, marks it as used (at most once per touch_granularity) or written to, and counts new messages. Answers how many messages it surely holds; null when not known. Outcomes: ok, not_found, provisioning, deleting, expired, full, unknown_user, banned.';

create or replace function acontext_sessions.prepare_deletion()
returns trigger
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_last_write_at timestamptz;
begin
  -- More than anybody stores is somebody's mistake: taken at its word, no worker could ever live long enough for the delete.
  select case when s.message_count <= 1000000 then s.message_count end, s.last_write_at into new.messages, v_last_write_at
  from public.session_mappings as s where s.id = new.id;
  if not found then
    -- An orphan may have been made a moment ago.
    v_last_write_at := new.requested_at;
  end if;
  new.next_attempt_at := greatest(new.next_attempt_at, v_last_write_at + acontext_sessions.write_gap());
  return new;
end;
$$;
