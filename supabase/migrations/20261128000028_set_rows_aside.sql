-- Purpose: a session that cannot be restamped, called stale or expired is set aside, and the step goes on with all others.
-- Risk: none; what cannot change is no longer tried in each run, but after a pause that grows up to a day.

create function acontext_sessions.restamp_rows(p_ids uuid[])
returns void
language plpgsql
security invoker
volatile
set search_path = ''
as $$
declare
  v_half integer := cardinality(p_ids) / 2;
begin
  begin
    update public.session_mappings as s
    set expires_at = s.last_activity_at + t.session_ttl
    from acontext_sessions.settings as t
    where s.id = any (p_ids) and s.ttl is null and not s.pinned and s.status <> 'deleting'
      and s.expires_at is distinct from s.last_activity_at + t.session_ttl;
    delete from acontext_sessions.set_aside as a where a.session_id = any (p_ids) and a.step = 'restamp';
    return;
  exception when others then
    if acontext_sessions.passes_by_itself(sqlstate) then
      raise;
    elsif v_half = 0 then
      raise warning 'acontext_sessions: restamp_failed: session %: % (%)', p_ids[1], sqlerrm, sqlstate;
      perform acontext_sessions.put_aside(p_ids[1], 'restamp', sqlstate);
      return;
    end if;
  end;
  -- One of them cannot change. The others do.
  perform acontext_sessions.restamp_rows(p_ids[:v_half]);
  perform acontext_sessions.restamp_rows(p_ids[v_half + 1:]);
end;
$$;

revoke execute on function acontext_sessions.restamp_rows(uuid[]) from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.restamp_rows(uuid[]) to service_role;
comment on function acontext_sessions.restamp_rows(uuid[]) is
  'Gives these sessions the expires_at that follows from session_ttl. What cannot change is set aside.';

create or replace function acontext_sessions.restamp_sessions(p_limit integer)
returns boolean
language plpgsql
security invoker
volatile
set search_path = ''
set lock_timeout = '500ms'
as $$
declare
  v_after uuid;
  v_ids uuid[];
begin
  select array_agg(d.session_id) into v_ids
  from (
    select a.session_id from acontext_sessions.set_aside as a
    where a.step = 'restamp' and a.next_attempt_at <= acontext_sessions.clock()
    order by a.next_attempt_at limit 100
  ) as d;
  if v_ids is not null then
    begin
      perform acontext_sessions.restamp_rows(v_ids);
    exception when lock_not_available or deadlock_detected then
      null;
    end;
  end if;

  -- Mostly there is nothing to do, and nobody has to wait to learn it.
  if (select t.after_id is null from acontext_sessions.restamp_state as t) then
    return true;
  end if;
  select t.after_id into v_after from acontext_sessions.restamp_state as t for update;
  if v_after is null then
    return true;
  end if;

  select coalesce(array_agg(n.id order by n.id), '{}') into v_ids
  from (
    select s.id from public.session_mappings as s where s.id > v_after order by s.id limit p_limit
  ) as n;
  perform acontext_sessions.restamp_rows(v_ids);

  v_after := case when cardinality(v_ids) = p_limit then v_ids[p_limit] end;
  update acontext_sessions.restamp_state as t set after_id = v_after where t.only_row;
  return v_after is null;
exception
  when lock_not_available or deadlock_detected then
    return false;
end;
$$;

comment on function acontext_sessions.restamp_sessions(integer) is
  'One bounded step after a change of session_ttl: gives the next p_limit sessions the expires_at that follows from it, or none when others hold one of them. What cannot change is set aside and tried again later. True when all others have it.';

create or replace function acontext_sessions.queue_sessions(
  p_ids uuid[],
  p_reason acontext_sessions.deletion_reason,
  p_due_at timestamptz,
  out moved integer,
  out problem text
)
language plpgsql
security invoker
volatile
set search_path = ''
as $$
declare
  v_half integer := cardinality(p_ids) / 2;
  v_step text := case p_reason when 'expired' then 'expiry' else p_reason::text end;
  v_part record;
begin
  if cardinality(p_ids) = 0 then
    moved := 0;
    return;
  end if;
  begin
    insert into acontext_sessions.deletion_queue (
      id, origin_id, reason, user_id, acontext_session_id, acontext_disk_id, requested_at, next_attempt_at
    )
    select s.id, s.id, p_reason, s.user_id, s.acontext_session_id, s.acontext_disk_id,
      acontext_sessions.clock(), p_due_at
    from public.session_mappings as s where s.id = any (p_ids)
    on conflict (id) do nothing;
    update public.session_mappings as s set status = 'deleting' where s.id = any (p_ids);
    get diagnostics moved = row_count;
    -- What stays in use must not stay in the queue.
    if moved < cardinality(p_ids) then
      raise exception 'a trigger keeps it as it is';
    end if;
    delete from acontext_sessions.set_aside as a where a.session_id = any (p_ids);
    return;
  exception when others then
    moved := 0;
    if acontext_sessions.passes_by_itself(sqlstate) then
      -- Each of them would have to wait as long, or meet the same.
      problem := sqlstate;
      return;
    elsif v_half = 0 then
      raise warning 'acontext_sessions: %_failed: session %: % (%)', v_step, p_ids[1], sqlerrm, sqlstate;
      perform acontext_sessions.put_aside(p_ids[1], v_step, sqlstate);
      return;
    end if;
  end;
  -- A trigger, a check or a value of the app keeps one of them. The others go.
  select q.* into v_part from acontext_sessions.queue_sessions(p_ids[:v_half], p_reason, p_due_at) as q;
  moved := v_part.moved;
  problem := v_part.problem;
  if problem is not null then
    return;
  end if;
  select q.* into v_part from acontext_sessions.queue_sessions(p_ids[v_half + 1:], p_reason, p_due_at) as q;
  moved := moved + v_part.moved;
  problem := v_part.problem;
end;
$$;

comment on function acontext_sessions.queue_sessions(uuid[], acontext_sessions.deletion_reason, timestamptz) is
  'Moves sessions that the caller has locked into the deletion queue: how many. What cannot change is set aside. What has nothing to do with the rows, a lock above all, ends it: the SQLSTATE.';

create or replace function acontext_sessions.queue_stale(
  p_limit integer, out moved integer, out more boolean, out problem text
)
language plpgsql
security invoker
volatile
set search_path = ''
as $$
declare
  v_now timestamptz := acontext_sessions.clock();
  v_ids uuid[];
begin
  with due as materialized (
    select s.id
    from public.session_mappings as s
    -- A caller that starts creating a session updates last_activity_at, and holds the lease for less than the timeout.
    where s.status = 'provisioning'
      and s.last_activity_at <= v_now - (select t.provisioning_timeout from acontext_sessions.settings as t)
      and (
        -- Not a join: the planner would sort all that is due.
        select true from acontext_sessions.set_aside as a
        where a.session_id = s.id and a.step = 'stale' and a.next_attempt_at > v_now
      ) is null
    order by s.last_activity_at, s.id
    limit p_limit
    for update skip locked
  )
  select coalesce(array_agg(d.id), '{}') into v_ids from due as d;
  select q.moved, q.problem into moved, problem from acontext_sessions.queue_sessions(v_ids, 'stale', v_now) as q;
  more := problem is null and cardinality(v_ids) >= p_limit;
end;
$$;

comment on function acontext_sessions.queue_stale(integer) is
  'Moves up to p_limit sessions that nobody finished making into the deletion queue: how many, whether there may be more, and what kept it from going on. What cannot change is set aside.';

create or replace function acontext_sessions.count_stale(p_limit integer)
returns integer
language sql
security invoker
stable
set search_path = ''
as $$
  select count(*)::integer from (
    select 1
    from public.session_mappings as s
    cross join acontext_sessions.settings as t
    where s.status = 'provisioning'
      and s.last_activity_at <= acontext_sessions.clock() - t.provisioning_timeout
      and (
        -- Not a join: the planner would sort all that is due.
        select true from acontext_sessions.set_aside as a
        where a.session_id = s.id and a.step = 'stale' and a.next_attempt_at > acontext_sessions.clock()
      ) is null
    limit p_limit
  ) as c;
$$;

comment on function acontext_sessions.count_stale(integer) is
  'Sessions that nobody finished making and that are not set aside, counted up to p_limit.';
