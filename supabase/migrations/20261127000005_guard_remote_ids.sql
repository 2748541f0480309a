-- Purpose: no SQL statement loses a remote id. A deleted row becomes a queued deletion, ids cannot be re-bound, truncate raises.
-- Risk: `delete from session_mappings` reports 0 rows: the row stays, as `deleting`, until Acontext has confirmed.

-- Security definer: it writes the queue no matter who caused the change: an owner, an operator or a cascade.
create function acontext_sessions.guard_session_change()
returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
  if tg_op = 'INSERT' then
    if new.status <> 'provisioning'
      or new.acontext_session_id is not null or new.acontext_disk_id is not null
    then
      raise exception 'Cannot insert session "%": a session starts as provisioning, without remote ids', new.id
        using errcode = '23514', hint = 'Create sessions with the create-session function.';
    end if;
    return new;
  end if;

  if new.id is distinct from old.id
    or (old.acontext_session_id is not null
      and new.acontext_session_id is distinct from old.acontext_session_id)
    or (old.acontext_disk_id is not null
      and new.acontext_disk_id is distinct from old.acontext_disk_id)
  then
    raise exception 'Cannot change session "%": its ids are bound for life', old.id
      using errcode = '23514', hint = 'Delete the session and create another.';
  end if;

  if new.user_id is distinct from old.user_id then
    if new.user_id is not null then
      raise exception 'Cannot change session "%": its owner is bound for life', old.id
        using errcode = '23514', hint = 'Delete the session and create another.';
    end if;
    new.status := 'deleting';
    -- Nobody is left to restore it: the grace period ends.
    update acontext_sessions.deletion_queue as q
    set reason = 'user_deleted',
      next_attempt_at = acontext_sessions.first_attempt_at(old.id, 'user_deleted')
    where q.id = old.id and q.first_claimed_at is null;
  end if;

  if new.status is distinct from old.status then
    if old.status = 'deleting' then
      -- Once claimed, a remote delete may land at any later time: only an untouched entry can be taken back.
      perform 1 from acontext_sessions.deletion_queue as q
        where q.id = old.id and q.first_claimed_at is null
          and old.acontext_session_id is not null and old.acontext_disk_id is not null
        for update;
      if not found or new.status <> 'active' then
        raise exception 'Cannot restore session "%": its deletion has begun', old.id
          using errcode = '23514';
      end if;
    elsif new.status = 'provisioning' then
      raise exception 'Cannot change session "%": an active session is never made again', old.id
        using errcode = '23514';
    end if;
  end if;
  return new;
end;
$$;

revoke execute on function acontext_sessions.guard_session_change() from public, anon, authenticated, service_role;

comment on function acontext_sessions.guard_session_change() is
  'Trigger: ids and owner are bound for life, and the status only moves provisioning, active, deleting; a lost owner means deleting.';

create trigger guard_session_change
  before insert or update on public.session_mappings
  for each row execute function acontext_sessions.guard_session_change();

create function acontext_sessions.first_attempt_at(
  p_session_id uuid,
  p_reason acontext_sessions.deletion_reason
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
    select s.deletion_grace into v_grace from acontext_sessions.settings as s;
  end if;
  -- A caller that is making the remote resources right now gets the time to finish or to give up.
  select p.leased_until into v_leased_until
    from acontext_sessions.provisioning_leases as p where p.session_id = p_session_id;
  return greatest(acontext_sessions.clock() + v_grace, v_leased_until);
end;
$$;

revoke execute on function acontext_sessions.first_attempt_at(uuid, acontext_sessions.deletion_reason)
  from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.first_attempt_at(uuid, acontext_sessions.deletion_reason) to service_role;

comment on function acontext_sessions.first_attempt_at(uuid, acontext_sessions.deletion_reason) is
  'When a deletion that is queued now becomes due: after the grace period, and not while the session is being made.';

-- Security definer: see guard_session_change.
create function acontext_sessions.follow_session_status()
returns trigger
language plpgsql
volatile
-- Security definer: see guard_session_change.
security definer
set search_path = ''
as $$
declare
  v_reason acontext_sessions.deletion_reason;
begin
  if new.status = 'deleting' then
    -- The functions that queue with a reason of their own have done so already.
    if exists (select 1 from acontext_sessions.deletion_queue as q where q.id = new.id) then
      return null;
    end if;
    v_reason := case
      when new.user_id is null then 'user_deleted'::acontext_sessions.deletion_reason
      else 'requested'::acontext_sessions.deletion_reason
    end;
    insert into acontext_sessions.deletion_queue (
      id, origin_id, reason, user_id, acontext_session_id, acontext_disk_id, requested_at, next_attempt_at
    )
    values (
      new.id,
      new.id,
      v_reason,
      old.user_id,
      new.acontext_session_id,
      new.acontext_disk_id,
      acontext_sessions.clock(),
      acontext_sessions.first_attempt_at(new.id, v_reason)
    )
    on conflict (id) do nothing;
  elsif old.status = 'deleting' then
    delete from acontext_sessions.deletion_queue as q where q.id = new.id;
  end if;
  return null;
end;
$$;

revoke execute on function acontext_sessions.follow_session_status() from public, anon, authenticated, service_role;

comment on function acontext_sessions.follow_session_status() is
  'Trigger: a session that becomes deleting is in the queue, one that is restored is not.';

create trigger follow_session_status
  after update on public.session_mappings
  for each row when (old.status is distinct from new.status)
  execute function acontext_sessions.follow_session_status();

-- Security definer: see guard_session_change.
create function acontext_sessions.guard_session_delete()
returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
  if exists (
    select 1 from acontext_sessions.deletion_queue as q
    where q.id = old.id and q.session_gone_at is not null and q.disk_gone_at is not null
  ) then
    return old;
  end if;
  -- The owner may be gone already when this comes from a cascade: clear the reference to an owner that no longer exists.
  update public.session_mappings as s
  set status = 'deleting',
    user_id = (select u.id from auth.users as u where u.id = s.user_id)
  where s.id = old.id;
  return null;
end;
$$;

revoke execute on function acontext_sessions.guard_session_delete() from public, anon, authenticated, service_role;

comment on function acontext_sessions.guard_session_delete() is
  'Trigger: a row leaves only when both remote resources are proven gone; any other delete queues it instead.';

create trigger guard_session_delete
  before delete on public.session_mappings
  for each row execute function acontext_sessions.guard_session_delete();

-- Security definer: see guard_session_change.
create function acontext_sessions.guard_queue_change()
returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_status public.acontext_session_status;
begin
  if tg_op = 'DELETE' then
    select s.status into v_status from public.session_mappings as s where s.id = old.id;
    if v_status = 'active'
      or (v_status is null and old.session_gone_at is not null and old.disk_gone_at is not null)
    then
      return old;
    end if;
    raise exception 'Cannot remove "%" from the deletion queue: its remote resources are not proven gone', old.id
      using errcode = '23514', hint = 'To restore a session use acontext_restore_session.';
  end if;
  if (new.id, new.origin_id) is distinct from (old.id, old.origin_id)
    or (old.acontext_session_id is not null
      and new.acontext_session_id is distinct from old.acontext_session_id)
    or (old.acontext_disk_id is not null
      and new.acontext_disk_id is distinct from old.acontext_disk_id)
  then
    raise exception 'Cannot change "%" in the deletion queue: its ids are bound for life', old.id
      using errcode = '23514';
  end if;
  return new;
end;
$$;

revoke execute on function acontext_sessions.guard_queue_change() from public, anon, authenticated, service_role;

comment on function acontext_sessions.guard_queue_change() is
  'Trigger: a queue entry leaves only when both remote resources are proven gone or its session is active again.';

create trigger guard_queue_change
  before update or delete on acontext_sessions.deletion_queue
  for each row execute function acontext_sessions.guard_queue_change();

create function acontext_sessions.refuse_truncate()
returns trigger
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  raise exception 'Cannot truncate "%": the ids of remote resources would be lost', tg_table_name
    using errcode = '23514', hint = 'Use delete: it queues the remote resources for deletion.';
end;
$$;

revoke execute on function acontext_sessions.refuse_truncate() from public, anon, authenticated, service_role;

comment on function acontext_sessions.refuse_truncate() is 'Trigger: truncate would lose remote ids.';

create trigger refuse_truncate
  before truncate on public.session_mappings
  for each statement execute function acontext_sessions.refuse_truncate();

create trigger refuse_truncate
  before truncate on acontext_sessions.deletion_queue
  for each statement execute function acontext_sessions.refuse_truncate();
