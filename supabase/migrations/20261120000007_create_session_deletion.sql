-- Purpose: what an owner may ask: delete a session, and take that back within the grace period.
-- Risk: none; new functions.

create function private.deletion_view(p_entry private.deletion_queue)
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  select jsonb_build_object(
    'id', p_entry.id,
    'originId', p_entry.origin_id,
    'acontextSessionId', p_entry.acontext_session_id,
    'acontextDiskId', p_entry.acontext_disk_id,
    'sessionGone', p_entry.session_gone_at is not null,
    'diskGone', p_entry.disk_gone_at is not null,
    'attempts', p_entry.attempts
  );
$$;

revoke execute on function private.deletion_view(private.deletion_queue)
  from public, anon, authenticated;
grant execute on function private.deletion_view(private.deletion_queue) to service_role;

comment on function private.deletion_view(private.deletion_queue) is
  'A queue entry in the shape in which workers take it.';

create function public.request_session_deletion(
  p_user_id uuid,
  p_session_id uuid,
  p_lease_id uuid,
  p_lease_seconds integer
)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_now timestamptz := private.clock();
  v_session public.session_mappings;
  v_entry private.deletion_queue;
begin
  select s.* into v_session
  from public.session_mappings as s
  where s.id = p_session_id and s.user_id = p_user_id
  for update;
  if not found then
    return jsonb_build_object('outcome', 'not_found');
  end if;

  if v_session.status <> 'deleting' then
    update public.session_mappings as s set status = 'deleting' where s.id = p_session_id;
  end if;

  update private.deletion_queue as q
  set lease_id = p_lease_id,
    leased_until = v_now + make_interval(secs => p_lease_seconds),
    next_attempt_at = v_now + make_interval(secs => p_lease_seconds),
    first_claimed_at = coalesce(q.first_claimed_at, v_now)
  where q.id = p_session_id and q.next_attempt_at <= v_now
  returning q.* into v_entry;
  if not found then
    return jsonb_build_object('outcome', 'queued');
  end if;
  return jsonb_build_object('outcome', 'claimed', 'deletion', private.deletion_view(v_entry));
end;
$$;

revoke execute on function public.request_session_deletion(uuid, uuid, uuid, integer)
  from public, anon, authenticated;
grant execute on function public.request_session_deletion(uuid, uuid, uuid, integer) to service_role;

comment on function public.request_session_deletion(uuid, uuid, uuid, integer) is
  'Hides a session from its owner, queues its remote resources and, when they are due at once and nobody works on them, leases them to the caller. Outcomes: claimed, queued, not_found.';

create function public.restore_session(p_user_id uuid, p_session_id uuid)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_session public.session_mappings;
  v_limit integer;
begin
  select s.* into v_session
  from public.session_mappings as s
  where s.id = p_session_id and s.user_id = p_user_id
  for update;
  if not found then
    return jsonb_build_object('outcome', 'not_found');
  elsif v_session.status <> 'deleting' then
    return jsonb_build_object('outcome', 'not_deleting');
  end if;

  perform 1 from private.deletion_queue as q
    where q.id = p_session_id and q.first_claimed_at is null
      and v_session.acontext_session_id is not null and v_session.acontext_disk_id is not null
    for update;
  if not found then
    return jsonb_build_object('outcome', 'too_late');
  end if;

  -- As in begin_session: who deletes, creates and restores in turn must not collect more than the quota.
  select s.max_sessions_per_user into v_limit from private.settings as s;
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
  set status = 'active', last_activity_at = private.clock()
  where s.id = p_session_id
  returning s.* into v_session;
  return jsonb_build_object('outcome', 'restored', 'session', private.session_view(v_session));
end;
$$;

revoke execute on function public.restore_session(uuid, uuid) from public, anon, authenticated;
grant execute on function public.restore_session(uuid, uuid) to service_role;

comment on function public.restore_session(uuid, uuid) is
  'Takes a deletion back as long as no worker has begun it. Outcomes: restored, not_found, not_deleting, too_late, quota_exceeded.';
