-- Purpose: a caller that fails to make a session says what it made all the same. As long as the session is being made, that is
--   found by its mark; but a session whose remote ids another caller has named is deleted by these ids alone.
-- Risk: replaces release_session by one with two more parameters, which may be left out.

drop function public.release_session(uuid, uuid);

create function public.release_session(
  p_session_id uuid,
  p_lease_id uuid,
  p_acontext_session_ids uuid[] default '{}',
  p_acontext_disk_ids uuid[] default '{}'
)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_status public.session_status;
begin
  -- Before the row, as activate_session does.
  perform private.lock_remote_ids(p_acontext_session_ids || p_acontext_disk_ids);
  select s.status into v_status
  from public.session_mappings as s where s.id = p_session_id for update;
  delete from private.provisioning_leases as p
  where p.session_id = p_session_id and p.lease_id = p_lease_id;
  if not found and v_status = 'provisioning' and cardinality(p_acontext_session_ids || p_acontext_disk_ids) > 0 then
    -- The caller that holds the lease now finds these resources by their mark, or has looked too early.
    insert into private.uncertain_sessions as u (session_id, since)
    values (p_session_id, private.clock())
    on conflict (session_id) do update set since = excluded.since;
  end if;
  -- Whoever makes the session next, or deletes it half made, finds what carries its mark.
  if v_status = 'provisioning' or cardinality(p_acontext_session_ids || p_acontext_disk_ids) = 0 then
    return;
  end if;
  perform public.activate_session(
    p_session_id,
    p_lease_id,
    p_acontext_session_ids[1],
    p_acontext_disk_ids[1],
    p_acontext_session_ids[2:],
    p_acontext_disk_ids[2:],
    true
  );
end;
$$;

revoke execute on function public.release_session(uuid, uuid, uuid[], uuid[])
  from public, anon, authenticated;
grant execute on function public.release_session(uuid, uuid, uuid[], uuid[]) to service_role;

comment on function public.release_session(uuid, uuid, uuid[], uuid[]) is
  'Gives up making a session: the next call with its id resumes at once instead of waiting for the lease to end. What was made is queued if the session was bound or deleted meanwhile.';
