-- Purpose: creating a session costs the database less. Recording what was made also queued orphans where there were none,
--   and the session as it is answered was planned anew each time.
-- Risk: none; the same answers by another way.

create or replace function private.queue_orphans(
  p_origin_id uuid,
  p_acontext_session_ids uuid[],
  p_acontext_disk_ids uuid[],
  p_user_id uuid
)
returns integer
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_now timestamptz := private.clock();
  -- Clients choose the ids of sessions: without it they could choose the id of an orphan's entry.
  v_salt text := private.jitter()::text;
  v_sessions integer;
  v_disks integer;
begin
  -- As after nearly every session that is made.
  if cardinality(p_acontext_session_ids) = 0 and cardinality(p_acontext_disk_ids) = 0 then
    return 0;
  end if;
  perform private.lock_remote_ids(p_acontext_session_ids || p_acontext_disk_ids);

  insert into private.deletion_queue (
    id, origin_id, reason, user_id, acontext_session_id, requested_at, next_attempt_at, disk_gone_at, disk_proof
  )
  select md5(v_salt || i::text)::uuid, p_origin_id, 'orphan', p_user_id, i, v_now, v_now, v_now, 'absent'
  from unnest(p_acontext_session_ids) as i
  where i is not null
    and not exists (select 1 from public.session_mappings as s where s.acontext_session_id = i)
    -- A session that is being made, or deleted without known ids, may own the resource that bears its id.
    and not exists (
      select 1 from public.session_mappings as s where s.id = i and s.acontext_session_id is null
    )
  on conflict do nothing;
  get diagnostics v_sessions = row_count;

  insert into private.deletion_queue (
    id, origin_id, reason, user_id, acontext_disk_id, requested_at, next_attempt_at, session_gone_at, session_proof
  )
  select md5(v_salt || i::text)::uuid, p_origin_id, 'orphan', p_user_id, i, v_now, v_now, v_now, 'absent'
  from unnest(p_acontext_disk_ids) as i
  where i is not null
    and not exists (select 1 from public.session_mappings as s where s.acontext_disk_id = i)
  on conflict do nothing;
  get diagnostics v_disks = row_count;

  return v_sessions + v_disks;
end;
$$;

revoke execute on function private.queue_orphans(uuid, uuid[], uuid[], uuid)
  from public, anon, authenticated;
grant execute on function private.queue_orphans(uuid, uuid[], uuid[], uuid) to service_role;

comment on function private.queue_orphans(uuid, uuid[], uuid[], uuid) is
  'Queues remote resources that belong to no session. Ids that a session holds are left alone.';

create or replace function private.session_view(p_session public.session_mappings)
returns jsonb
-- Not sql: its plan is kept from one call to the next.
language plpgsql
stable
security invoker
set search_path = ''
as $$
begin
  return jsonb_build_object(
    'id', p_session.id,
    'status', p_session.status,
    'title', p_session.title,
    'metadata', p_session.metadata,
    'pinned', p_session.pinned,
    'ttl', extract(epoch from p_session.ttl)::bigint,
    'messageCount', p_session.message_count,
    'acontextSessionId', p_session.acontext_session_id,
    'acontextDiskId', p_session.acontext_disk_id,
    'createdAt', p_session.created_at,
    'updatedAt', p_session.updated_at,
    'lastActivityAt', p_session.last_activity_at,
    'expiresAt', p_session.expires_at
  );
end;
$$;

revoke execute on function private.session_view(public.session_mappings)
  from public, anon, authenticated;
grant execute on function private.session_view(public.session_mappings) to service_role;

comment on function private.session_view(public.session_mappings) is
  'A session in the shape in which the functions answer it.';
