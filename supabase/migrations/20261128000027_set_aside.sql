-- Purpose: a session that a step cannot process is set aside with the reason, and the step goes on with all others.
-- Risk: none; what cannot change is no longer tried in each run, but after a pause that grows up to a day.

create table acontext_sessions.set_aside (
  -- No foreign key: it would cost every row that leaves session_mappings a look at this table.
  session_id uuid not null,
  step text not null,
  problem text not null,
  attempts integer not null default 1,
  since timestamptz not null default acontext_sessions.clock(),
  next_attempt_at timestamptz not null,
  primary key (session_id, step),
  constraint set_aside_step_is_known check (step in ('restamp', 'stale', 'expiry', 'erased', 'purge'))
);
create index set_aside_due on acontext_sessions.set_aside (step, next_attempt_at);

comment on table acontext_sessions.set_aside is
  'Sessions that a step cannot process, because a value, a check or a trigger stands in the way: left out until their next attempt. Empty while all is well.';
comment on column acontext_sessions.set_aside.session_id is
  'The nil id where it is no session: history that cannot be purged.';
comment on column acontext_sessions.set_aside.problem is 'The SQLSTATE of the last attempt; the database''s log has the text.';

revoke all on acontext_sessions.set_aside from public, anon, authenticated, service_role;
grant select, insert, update, delete on acontext_sessions.set_aside to service_role;

create function acontext_sessions.put_aside(p_session_id uuid, p_step text, p_problem text)
returns void
language sql
security invoker
volatile
set search_path = ''
as $$
  insert into acontext_sessions.set_aside as a (session_id, step, problem, since, next_attempt_at)
  values (
    p_session_id, p_step, p_problem, acontext_sessions.clock(), acontext_sessions.clock() + interval '1 minute'
  )
  on conflict (session_id, step) do update
    set problem = excluded.problem,
      attempts = least(a.attempts, 1000) + 1,
      next_attempt_at = acontext_sessions.clock()
        + least(interval '1 minute' * power(2, least(greatest(a.attempts, 0), 11)), interval '1 day');
$$;

revoke execute on function acontext_sessions.put_aside(uuid, text, text) from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.put_aside(uuid, text, text) to service_role;
comment on function acontext_sessions.put_aside(uuid, text, text) is
  'Notes that a step cannot process a session, and when it tries again: after a minute, then after twice as long each time, a day at most.';

create function acontext_sessions.clear_set_aside(p_try_again boolean)
returns integer
language plpgsql
security invoker
volatile
set search_path = ''
as $$
declare
  v_count integer;
begin
  -- As nearly always.
  if not exists (select 1 from acontext_sessions.set_aside) then
    return 0;
  end if;
  delete from acontext_sessions.set_aside as a
  -- A purge looks after its own.
  where a.step <> 'purge' and not exists (
    select 1 from public.session_mappings as s
    where s.id = a.session_id
      and case a.step
        when 'restamp' then s.status <> 'deleting' and s.ttl is null and not s.pinned
        when 'stale' then s.status = 'provisioning'
        when 'expiry' then s.status = 'active' and s.expires_at <= acontext_sessions.clock()
        else exists (select 1 from acontext_sessions.erased_users as e where e.user_id = s.user_id and not e.held_back)
      end
  );
  get diagnostics v_count = row_count;
  if p_try_again then
    update acontext_sessions.set_aside as a
    set next_attempt_at = acontext_sessions.clock()
    where a.next_attempt_at > acontext_sessions.clock();
  end if;
  return v_count;
end;
$$;

revoke execute on function acontext_sessions.clear_set_aside(boolean) from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.clear_set_aside(boolean) to service_role;
comment on function acontext_sessions.clear_set_aside(boolean) is
  'Forgets what was set aside and is gone, or that its step no longer concerns: how many. With p_try_again the others are tried by the next run.';

create function public.acontext_list_set_aside(p_limit integer)
returns jsonb
language sql
security invoker
stable
set search_path = ''
as $$
  select coalesce(jsonb_agg(
    jsonb_build_object(
      'id', a.session_id,
      'step', a.step,
      'problem', a.problem,
      'attempts', a.attempts,
      'since', a.since,
      'nextAttemptAt', a.next_attempt_at
    ) order by a.since, a.session_id, a.step
  ), '[]')
  from (
    select d.* from acontext_sessions.set_aside as d
    order by d.since, d.session_id, d.step limit least(greatest(p_limit, 0), 1000)
  ) as a;
$$;

revoke execute on function public.acontext_list_set_aside(integer) from public, anon, authenticated, service_role;
grant execute on function public.acontext_list_set_aside(integer) to service_role;
comment on function public.acontext_list_set_aside(integer) is
  'Sessions that a step cannot process and that are tried again later, oldest first, at most 1,000: which step, and the SQLSTATE.';

-- Of what is not the row's fault: locks, a lack of resources, an operator's intervention, a broken system.
create function acontext_sessions.passes_by_itself(p_sqlstate text)
returns boolean
language sql
security invoker
immutable
set search_path = ''
as $$
  -- Of class 55 not the rest: 55000 is what a trigger of the app raises for a state that it does not want.
  select left(p_sqlstate, 2) in ('40', '53', '57', '58', 'XX') or p_sqlstate in ('55P03', '55006');
$$;

revoke execute on function acontext_sessions.passes_by_itself(text) from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.passes_by_itself(text) to service_role;
comment on function acontext_sessions.passes_by_itself(text) is
  'Whether an error with this SQLSTATE has nothing to do with the row that met it: no row is set aside for it.';

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

create or replace function acontext_sessions.queue_erased(p_limit integer)
returns integer
language plpgsql
-- Security definer: in a deletion of a user it runs as whoever deletes.
security definer
volatile
set search_path = ''
set lock_timeout = '500ms'
as $$
declare
  v_now timestamptz := acontext_sessions.clock();
  v_user_id uuid;
  v_ids uuid[];
  v_id uuid;
  v_count integer := 0;
  v_changed integer;
begin
  <<users>>
  for v_user_id in
    select e.user_id from acontext_sessions.erased_users as e where not e.held_back
    order by e.erased_at, e.user_id for update skip locked
  loop
    -- A soft deletion can be taken back, and an id can be used again.
    if acontext_sessions.user_refusal(v_user_id) is not distinct from 'unknown_user' then
      select coalesce(array_agg(f.id), '{}') into v_ids
      from (
        select s.id from public.session_mappings as s
        where s.user_id = v_user_id and (
            select true from acontext_sessions.set_aside as a
            where a.session_id = s.id and a.step = 'erased' and a.next_attempt_at > v_now
          ) is null
        limit p_limit - v_count for update skip locked
      ) as f;
      -- The triggers do the rest: a session that loses its owner is queued, or loses its grace period.
      begin
        update public.session_mappings as s set user_id = null where s.id = any (v_ids);
        get diagnostics v_changed = row_count;
        if v_changed < cardinality(v_ids) then
          raise exception 'a trigger keeps a session as it is';
        end if;
        v_count := v_count + cardinality(v_ids);
        delete from acontext_sessions.set_aside as a where a.session_id = any (v_ids);
      exception when others then
        if acontext_sessions.passes_by_itself(sqlstate) then
          -- Waited for once: each of the others would have to wait as long.
          exit users;
        end if;
        -- A trigger, a check or a value of the app keeps one of them. The others go, each by itself.
        foreach v_id in array v_ids loop
          begin
            update public.session_mappings as s set user_id = null where s.id = v_id;
            if not found then
              raise exception 'a trigger keeps it as it is';
            end if;
            v_count := v_count + 1;
            delete from acontext_sessions.set_aside as a where a.session_id = v_id;
          exception when others then
            if acontext_sessions.passes_by_itself(sqlstate) then
              exit users;
            end if;
            raise warning 'acontext_sessions: erased_failed: session %: % (%)', v_id, sqlerrm, sqlstate;
            perform acontext_sessions.put_aside(v_id, 'erased', sqlstate);
          end;
        end loop;
      end;
      exit users when v_count >= p_limit;
      continue users when exists (select 1 from public.session_mappings as s where s.user_id = v_user_id);
    end if;
    delete from acontext_sessions.erased_users as e where e.user_id = v_user_id;
  end loop;
  return v_count;
exception
  when lock_not_available or deadlock_detected then
    return 0;
end;
$$;

comment on function acontext_sessions.queue_erased(integer) is
  'One bounded step after users were deleted: takes the owner from up to p_limit of their sessions, which queues them, and answers how many. What others hold is left for the next step; what cannot change is set aside.';

create or replace function acontext_sessions.count_erased(p_limit integer)
returns integer
language sql
security invoker
stable
set search_path = ''
as $$
  select count(*)::integer from (
    select 1
    from acontext_sessions.erased_users as e
    cross join lateral (
      select 1 from public.session_mappings as s
      where s.user_id = e.user_id and (
        select true from acontext_sessions.set_aside as a
        where a.session_id = s.id and a.step = 'erased' and a.next_attempt_at > acontext_sessions.clock()
      ) is null
      limit p_limit
    ) as f
    where not e.held_back
    limit p_limit
  ) as c;
$$;

comment on function acontext_sessions.count_erased(integer) is
  'Sessions of deleted users that are neither queued nor set aside, counted up to p_limit.';
