-- Purpose: what the functions that use a session ask first: is it the caller's, is it alive; touch it, count its messages,
-- and let one message be stored once for one idempotency key.
-- Risk: none; a new table, new functions, and one more bounded delete in the nightly purge.

create function public.acontext_use_session(
  p_user_id uuid,
  p_session_id uuid,
  p_touch boolean,
  p_new_messages integer default 0
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
  v_granularity interval;
  v_ttl interval;
  v_touch boolean;
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
  select s.touch_granularity, case when not v_session.pinned then coalesce(v_session.ttl, s.session_ttl) end
  into v_granularity, v_ttl
  from acontext_sessions.settings as s;
  if v_session.last_activity_at + v_ttl <= v_now then
    return jsonb_build_object('outcome', 'expired');
  end if;

  -- A short life is touched more often than every granularity, or it would end while the session is in use.
  v_granularity := least(v_granularity, v_ttl / 10);
  v_touch := p_touch and v_session.last_activity_at <= v_now - v_granularity;
  -- Most calls change nothing, or the unindexed count alone, which keeps the update within its page.
  if v_touch then
    update public.session_mappings as s
    set last_activity_at = greatest(s.last_activity_at, v_now), message_count = s.message_count + p_new_messages
    where s.id = p_session_id and s.status = 'active';
  elsif p_new_messages > 0 then
    update public.session_mappings as s
    set message_count = s.message_count + p_new_messages
    where s.id = p_session_id and s.status = 'active';
  end if;
  if (v_touch or p_new_messages > 0) and not found then
    -- Deleted between our look and our update.
    return jsonb_build_object('outcome', 'deleting');
  end if;
  return jsonb_build_object(
    'outcome', 'ok',
    'acontextSessionId', v_session.acontext_session_id,
    'acontextDiskId', v_session.acontext_disk_id
  );
end;
$$;

revoke execute on function public.acontext_use_session(uuid, uuid, boolean, integer) from public, anon, authenticated, service_role;
grant execute on function public.acontext_use_session(uuid, uuid, boolean, integer) to service_role;

comment on function public.acontext_use_session(uuid, uuid, boolean, integer) is
  'Checks that a session is the caller''s and alive, marks it as used (at most once per touch_granularity) and counts new messages. Outcomes: ok, not_found, provisioning, deleting, expired.';

create table acontext_sessions.message_keys (
  session_id uuid not null references public.session_mappings (id) on delete cascade,
  key_hash text not null,
  body_hash text not null,
  mark uuid not null default gen_random_uuid(),
  lease_id uuid not null,
  leased_until timestamptz not null,
  attempts integer not null default 1,
  counted boolean not null default true,
  message_id uuid,
  message_created_at timestamptz,
  created_at timestamptz not null default acontext_sessions.clock(),
  primary key (session_id, key_hash),
  constraint key_hash_is_sha256 check (key_hash ~ '^[0-9a-f]{64}$'),
  constraint body_hash_is_sha256 check (body_hash ~ '^[0-9a-f]{64}$'),
  constraint message_has_id_and_time check ((message_id is null) = (message_created_at is null))
);

comment on table acontext_sessions.message_keys is
  'One row per idempotency key of a message: who is storing it, or which message it became. Kept for two days.';
comment on column acontext_sessions.message_keys.mark is
  'Goes into the meta of the message. Not the hash of the key: a key that is used again after its row was purged must not find the old message.';
comment on column acontext_sessions.message_keys.attempts is
  'Above 1: what became of an earlier attempt is not known, so Acontext is searched before anything is stored.';
comment on column acontext_sessions.message_keys.counted is 'Whether the session''s message_count includes this message.';

create index message_keys_by_age on acontext_sessions.message_keys (created_at);

revoke all on acontext_sessions.message_keys from public, anon, authenticated, service_role;
grant select, insert, update, delete on acontext_sessions.message_keys to service_role;

create function public.acontext_begin_message(
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
    return jsonb_build_object('outcome', 'not_found');
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
    case when v_outcome in ('started', 'resumed') and v_key.counted is not true then 1 else 0 end
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

revoke execute on function public.acontext_begin_message(uuid, uuid, uuid, integer, text, text)
  from public, anon, authenticated, service_role;
grant execute on function public.acontext_begin_message(uuid, uuid, uuid, integer, text, text) to service_role;

comment on function public.acontext_begin_message(uuid, uuid, uuid, integer, text, text) is
  'acontext_use_session for a message with an idempotency key: leases the storing of it to one caller. Outcomes: started, resumed (look before storing), stored, busy, mismatch, not_found, provisioning, deleting, expired.';

create function public.acontext_settle_message(
  p_session_id uuid,
  p_result text,
  p_lease_id uuid default null,
  p_key_hash text default null,
  p_message_id uuid default null,
  p_message_created_at timestamptz default null
)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_now timestamptz := acontext_sessions.clock();
  v_uncount boolean := p_result <> 'stored' and p_key_hash is null;
  v_active boolean;
begin
  -- The order in which acontext_begin_message locks.
  select s.status = 'active' into v_active
  from public.session_mappings as s where s.id = p_session_id for no key update;
  if not found then
    return jsonb_build_object('active', false);
  end if;

  if p_result = 'stored' then
    update acontext_sessions.message_keys as k
    set message_id = p_message_id, message_created_at = p_message_created_at
    where k.session_id = p_session_id and k.key_hash = p_key_hash and k.message_id is null;
  elsif p_result = 'refused' then
    -- Nothing was stored: the key is free again, unless an earlier attempt's fate is unknown.
    delete from acontext_sessions.message_keys as k
    where k.session_id = p_session_id and k.key_hash = p_key_hash and k.lease_id = p_lease_id
      and k.message_id is null and k.attempts = 1;
    v_uncount := v_uncount or found;
  end if;
  if p_result <> 'stored' and p_key_hash is not null then
    -- Nothing is under way now, so the next attempt need not wait. It looks before it stores.
    update acontext_sessions.message_keys as k
    set leased_until = v_now, counted = false
    where k.session_id = p_session_id and k.key_hash = p_key_hash and k.lease_id = p_lease_id
      and k.message_id is null and k.counted;
    v_uncount := v_uncount or found;
  end if;
  if v_uncount then
    update public.session_mappings as s
    set message_count = greatest(0, s.message_count - 1)
    where s.id = p_session_id;
  end if;
  return jsonb_build_object('active', v_active);
end;
$$;

revoke execute on function public.acontext_settle_message(uuid, text, uuid, text, uuid, timestamptz)
  from public, anon, authenticated, service_role;
grant execute on function public.acontext_settle_message(uuid, text, uuid, text, uuid, timestamptz) to service_role;

comment on function public.acontext_settle_message(uuid, text, uuid, text, uuid, timestamptz) is
  'What became of a message that was counted. stored: the key leads to it from now on. refused: nothing was stored. failed: most likely nothing was stored, so a repeated call looks first. The last two take the count back. Answers whether the session is still active.';
