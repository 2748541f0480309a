-- Purpose: moving a session into the deletion queue costs less. For each session PostgreSQL planned the body of
--   first_attempt_at anew, even where the entry was there already and the answer was thrown away.
-- Risk: none; the same answers by another way.

create or replace function private.first_attempt_at(
  p_session_id uuid,
  p_reason private.deletion_reason
)
returns timestamptz
-- Not sql: its plans are kept from one call to the next.
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  v_grace interval := interval '0';
  v_leased_until timestamptz;
begin
  if p_reason in ('requested', 'expired') then
    select s.deletion_grace into v_grace from private.settings as s;
  end if;
  -- A caller that is making the remote resources right now gets the time to finish or to give up.
  select p.leased_until into v_leased_until
    from private.provisioning_leases as p where p.session_id = p_session_id;
  return greatest(private.clock() + v_grace, v_leased_until);
end;
$$;

create or replace function private.follow_session_status()
returns trigger
language plpgsql
volatile
-- Security definer: see guard_session_change.
security definer
set search_path = ''
as $$
declare
  v_reason private.deletion_reason;
begin
  if new.status = 'deleting' then
    -- The functions that queue with a reason of their own have done so already.
    if exists (select 1 from private.deletion_queue as q where q.id = new.id) then
      return null;
    end if;
    v_reason := case
      when new.user_id is null then 'user_deleted'::private.deletion_reason
      else 'requested'::private.deletion_reason
    end;
    insert into private.deletion_queue (
      id, origin_id, reason, user_id, acontext_session_id, acontext_disk_id, requested_at, next_attempt_at
    )
    values (
      new.id,
      new.id,
      v_reason,
      old.user_id,
      new.acontext_session_id,
      new.acontext_disk_id,
      private.clock(),
      private.first_attempt_at(new.id, v_reason)
    )
    on conflict (id) do nothing;
  elsif old.status = 'deleting' then
    delete from private.deletion_queue as q where q.id = new.id;
  end if;
  return null;
end;
$$;
