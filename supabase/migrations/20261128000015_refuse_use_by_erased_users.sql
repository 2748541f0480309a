-- Purpose: users who are deleted or refused use and restore nothing, whatever their token says.
-- Risk: none; functions are replaced.

create or replace function public.acontext_restore_session(p_user_id uuid, p_session_id uuid)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_session public.session_mappings;
  v_limit integer;
  v_refusal text;
begin
  v_refusal := acontext_sessions.lock_user(p_user_id);
  if v_refusal is not null then
    return jsonb_build_object('outcome', v_refusal);
  end if;
  select s.* into v_session
  from public.session_mappings as s
  where s.id = p_session_id and s.user_id = p_user_id
  for update;
  if not found then
    return jsonb_build_object('outcome', 'not_found');
  elsif v_session.status <> 'deleting' then
    return jsonb_build_object('outcome', 'not_deleting');
  end if;

  perform 1 from acontext_sessions.deletion_queue as q
    where q.id = p_session_id and q.first_claimed_at is null
      and v_session.acontext_session_id is not null and v_session.acontext_disk_id is not null
    for update;
  if not found then
    return jsonb_build_object('outcome', 'too_late');
  end if;

  -- As in acontext_begin_session: who deletes, creates and restores in turn must not collect more than the quota.
  select s.max_sessions_per_user into v_limit from acontext_sessions.settings as s;
  if v_limit is not null then
    perform pg_advisory_xact_lock(hashtextextended('quota:' || p_user_id::text, 0));
    if (
      select count(*) from public.session_mappings as s
      where s.user_id = p_user_id and s.status <> 'deleting'
    ) >= v_limit then
      return jsonb_build_object('outcome', 'quota_exceeded', 'limit', v_limit);
    end if;
  end if;

  update public.session_mappings as s
  set status = 'active', last_activity_at = acontext_sessions.clock()
  where s.id = p_session_id
  returning s.* into v_session;
  -- Reconcile left its mark alone meanwhile, and may have called it certain for that.
  insert into acontext_sessions.uncertain_sessions as u (session_id, since)
  values (p_session_id, acontext_sessions.clock())
  on conflict (session_id) do update set since = excluded.since;
  return jsonb_build_object('outcome', 'restored', 'session', acontext_sessions.session_view(v_session));
end;
$$;

comment on function public.acontext_restore_session(uuid, uuid) is
  'Takes a deletion back as long as no worker has begun it. Outcomes: restored, not_found, not_deleting, too_late, unknown_user, banned, quota_exceeded.';

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
      message_count = s.message_count + p_new_messages,
      -- Functions of version 0.1.0 count without a key, and keep the count when the fate of the message is not known.
      message_count_is_exact = s.message_count_is_exact and (p_new_messages = 0 or p_writes)
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

create or replace function public.acontext_begin_message(
  p_user_id uuid,
  p_session_id uuid,
  p_lease_id uuid,
  p_lease_seconds integer,
  p_key_hash text,
  p_body_hash text
)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_now timestamptz := acontext_sessions.clock();
  v_key acontext_sessions.message_keys;
  v_outcome text;
  v_used jsonb;
begin
  -- Calls with one key meet here, and a deletion waits for them.
  perform 1 from public.session_mappings as s
    where s.id = p_session_id and s.user_id = p_user_id for no key update;
  if not found then
    return jsonb_build_object('outcome', coalesce(acontext_sessions.user_refusal(p_user_id), 'not_found'));
  end if;

  select k.* into v_key
  from acontext_sessions.message_keys as k
  where k.session_id = p_session_id and k.key_hash = p_key_hash;
  v_outcome := case
    when not found then 'started'
    when v_key.body_hash <> p_body_hash then 'mismatch'
    when v_key.message_id is not null then 'stored'
    -- The same call again, after the connection broke under its first request.
    when v_key.lease_id = p_lease_id and v_key.attempts = 1 then 'started'
    when v_key.lease_id = p_lease_id then 'resumed'
    when v_key.leased_until > v_now then 'busy'
    else 'resumed'
  end;

  v_used := public.acontext_use_session(
    p_user_id, p_session_id, true,
    case when v_outcome in ('started', 'resumed') and v_key.counted is not true then 1 else 0 end,
    v_outcome in ('started', 'resumed')
  );
  if v_used ->> 'outcome' <> 'ok' then
    return v_used;
  end if;

  case v_outcome
    when 'stored' then
      return jsonb_build_object(
        'outcome', 'stored',
        'message', jsonb_build_object('id', v_key.message_id, 'createdAt', v_key.message_created_at)
      );
    when 'mismatch' then
      return jsonb_build_object('outcome', 'mismatch');
    when 'busy' then
      return jsonb_build_object(
        'outcome', 'busy',
        'retryAfterMs', ceil(extract(epoch from v_key.leased_until - v_now) * 1000)::bigint
      );
    else
      insert into acontext_sessions.message_keys as k (
        session_id, key_hash, body_hash, lease_id, leased_until, created_at
      )
      values (
        p_session_id, p_key_hash, p_body_hash, p_lease_id,
        v_now + make_interval(secs => p_lease_seconds), v_now
      )
      on conflict (session_id, key_hash) do update
        set lease_id = excluded.lease_id,
          leased_until = excluded.leased_until,
          attempts = k.attempts + case when k.lease_id = excluded.lease_id then 0 else 1 end,
          counted = true
      returning k.mark into v_key.mark;
  end case;
  return v_used || jsonb_build_object('outcome', v_outcome, 'mark', v_key.mark);
end;
$$;
