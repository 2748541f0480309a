-- Purpose: how fast one user stores messages and files is bounded.
-- Risk: calls above the rates are refused; functions of earlier versions answer them as an unavailable database.

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
  v_stores boolean;
  v_wait_ms integer;
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

  v_stores := v_outcome in ('started', 'resumed');
  if v_stores then
    v_wait_ms := acontext_sessions.take_rate(p_user_id, 'store');
  end if;
  v_used := case when v_wait_ms > 0
    -- Changes nothing, and still tells of a session that cannot be used at all.
    then public.acontext_use_session(p_user_id, p_session_id, false)
    else public.acontext_use_session(
      p_user_id, p_session_id, true, case when v_stores and v_key.counted is not true then 1 else 0 end, v_stores
    )
  end;
  if v_used ->> 'outcome' <> 'ok' then
    return v_used;
  elsif v_wait_ms > 0 then
    return jsonb_build_object('outcome', 'rate_limited', 'retryAfterMs', v_wait_ms);
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

comment on function public.acontext_begin_message(uuid, uuid, uuid, integer, text, text) is
  'Leases the storing of one message under its key, of the client or made for this one call, and counts it. Outcomes: started, resumed, stored, busy, mismatch, full, rate_limited, and those of acontext_use_session.';

create function public.acontext_begin_file_write(p_user_id uuid, p_session_id uuid)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_wait_ms integer;
  v_used jsonb;
begin
  -- As acontext_begin_message: the session before the rate.
  perform 1 from public.session_mappings as s
    where s.id = p_session_id and s.user_id = p_user_id for no key update;
  if not found then
    return jsonb_build_object('outcome', coalesce(acontext_sessions.user_refusal(p_user_id), 'not_found'));
  end if;
  v_wait_ms := acontext_sessions.take_rate(p_user_id, 'file_write');
  v_used := public.acontext_use_session(p_user_id, p_session_id, v_wait_ms = 0, 0, v_wait_ms = 0);
  if v_wait_ms > 0 and v_used ->> 'outcome' = 'ok' then
    return jsonb_build_object('outcome', 'rate_limited', 'retryAfterMs', v_wait_ms);
  end if;
  return v_used;
end;
$$;

revoke execute on function public.acontext_begin_file_write(uuid, uuid) from public, anon, authenticated, service_role;
grant execute on function public.acontext_begin_file_write(uuid, uuid) to service_role;

comment on function public.acontext_begin_file_write(uuid, uuid) is
  'As acontext_use_session, for a call that stores, replaces or removes a file, and counts it. Outcomes: rate_limited, and those of acontext_use_session.';
