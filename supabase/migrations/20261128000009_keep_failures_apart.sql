-- Purpose: a step of a run that fails, or a row that cannot be changed, keeps no other step and no other row from going on.
-- Risk: none; new functions, and functions are replaced.

create function acontext_sessions.retry_delay(p_attempts integer)
returns interval
language sql
volatile
security invoker
set search_path = ''
as $$
  -- Up to half as much again, so that failures do not come back together.
  select least(interval '30 seconds' * power(2, least(p_attempts, 20)), interval '6 hours')
    * (1 + acontext_sessions.random() / 2);
$$;

revoke execute on function acontext_sessions.retry_delay(integer) from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.retry_delay(integer) to service_role;

comment on function acontext_sessions.retry_delay(integer) is
  'How long a deletion waits that had failed this often before: min(30 s * 2^n, 6 h), and a little more.';

create function acontext_sessions.queue_sessions(
  p_ids uuid[], p_reason acontext_sessions.deletion_reason, p_due_at timestamptz, out moved integer, out problem text
)
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_half integer := cardinality(p_ids) / 2;
  v_part record;
begin
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
    return;
  exception
    when lock_not_available or deadlock_detected then
      -- Each of them would have to wait as long.
      moved := 0;
      problem := sqlstate;
      return;
    when others then
      moved := 0;
      if v_half = 0 then
        raise warning 'acontext_sessions: %_failed: session %: % (%)',
          case p_reason when 'expired' then 'expiry' else p_reason::text end, p_ids[1], sqlerrm, sqlstate;
        problem := sqlstate;
        return;
      end if;
  end;
  -- A trigger or a check of the app keeps one of them. The others go.
  select q.* into v_part from acontext_sessions.queue_sessions(p_ids[:v_half], p_reason, p_due_at) as q;
  moved := v_part.moved;
  problem := v_part.problem;
  if problem in ('55P03', '40P01') then
    return;
  end if;
  select q.* into v_part from acontext_sessions.queue_sessions(p_ids[v_half + 1:], p_reason, p_due_at) as q;
  moved := moved + v_part.moved;
  if problem is null or v_part.problem in ('55P03', '40P01') then
    problem := v_part.problem;
  end if;
end;
$$;

revoke execute on function acontext_sessions.queue_sessions(uuid[], acontext_sessions.deletion_reason, timestamptz)
from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.queue_sessions(uuid[], acontext_sessions.deletion_reason, timestamptz)
to service_role;

comment on function acontext_sessions.queue_sessions(uuid[], acontext_sessions.deletion_reason, timestamptz) is
  'Moves sessions that the caller has locked into the deletion queue, but for those that cannot change: how many were moved, and the SQLSTATE of what kept one.';

create function acontext_sessions.queue_stale(p_limit integer, out moved integer, out more boolean, out problem text)
language plpgsql
volatile
security invoker
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
    order by s.last_activity_at, s.id
    limit p_limit
    for update skip locked
  )
  select coalesce(array_agg(d.id), '{}') into v_ids from due as d;
  select q.moved, q.problem into moved, problem from acontext_sessions.queue_sessions(v_ids, 'stale', v_now) as q;
  more := moved > 0 and cardinality(v_ids) >= p_limit;
end;
$$;

revoke execute on function acontext_sessions.queue_stale(integer) from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.queue_stale(integer) to service_role;

comment on function acontext_sessions.queue_stale(integer) is
  'Moves up to p_limit sessions that nobody finished making into the deletion queue: how many, whether there may be more, and what kept one from it.';

create function acontext_sessions.queue_expired(p_limit integer, out moved integer, out more boolean, out problem text)
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_now timestamptz := acontext_sessions.clock();
  v_settings acontext_sessions.settings;
  v_ids uuid[];
begin
  select s.* into v_settings from acontext_sessions.settings as s;
  with due as materialized (
    select s.id
    from public.session_mappings as s
    where s.status = 'active' and s.expires_at <= v_now
      -- What a caller stamped while session_ttl changed must not expire by the old one.
      and (s.ttl is not null or s.last_activity_at + v_settings.session_ttl <= v_now)
    order by s.expires_at, s.id
    limit p_limit
    for update skip locked
  )
  select coalesce(array_agg(d.id), '{}') into v_ids from due as d;
  select q.moved, q.problem into moved, problem
  from acontext_sessions.queue_sessions(v_ids, 'expired', v_now + v_settings.deletion_grace) as q;
  more := moved > 0 and cardinality(v_ids) >= p_limit;
end;
$$;

revoke execute on function acontext_sessions.queue_expired(integer) from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.queue_expired(integer) to service_role;

comment on function acontext_sessions.queue_expired(integer) is
  'Moves up to p_limit expired sessions into the deletion queue: how many, whether there may be more, and what kept one from it. Whether so many may expire is the caller''s question.';

create or replace function acontext_sessions.expiry_is_unfinished()
returns boolean
language sql
stable
security invoker
set search_path = ''
as $$
  select coalesce((
    select case
      when r.status <> 'finished'
        then coalesce(r.started_at, r.requested_at) <= acontext_sessions.clock() - acontext_sessions.run_timeout()
      -- What keeps sessions from expiring mostly stays. Without a pause, a run would be called for nothing each minute.
      when r.stop_reason = 'queueing_failed' and r.expired = 0
        then r.finished_at <= acontext_sessions.clock() - interval '1 hour'
      else r.stop_reason not in ('empty', 'too_many_expiring', 'disabled', 'not_configured')
    end
    from acontext_sessions.runs as r
    where r.task = 'sweep' and r.expires_sessions and r.trigger <> 'manual'
      and r.requested_at > acontext_sessions.clock() - interval '1 day'
    order by r.requested_at desc
    limit 1
  ), false);
$$;

create or replace function public.acontext_finish_sweep(p_run_id uuid, p_result jsonb)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_run acontext_sessions.runs;
  v_got_on boolean;
  v_remaining integer := 0;
  v_dispatched integer := 0;
begin
  update acontext_sessions.runs as r
  set status = 'finished',
    finished_at = acontext_sessions.clock(),
    total = coalesce((p_result ->> 'total')::integer, 0),
    deleted = coalesce((p_result ->> 'deleted')::integer, 0),
    failed = coalesce((p_result ->> 'failed')::integer, 0),
    deferred = coalesce((p_result ->> 'deferred')::integer, 0),
    errors = coalesce(p_result -> 'errors', '[]'),
    probe_ms = (p_result ->> 'probeMs')::integer,
    stop_reason = coalesce(p_result ->> 'stopReason', 'error')
  where r.id = p_run_id and r.status = 'running'
  returning r.* into v_run;
  if not found then
    return jsonb_build_object('remaining', 0, 'dispatched', 0);
  end if;

  -- The run has ended, whatever becomes of the next.
  begin
    v_got_on := v_run.total > v_run.deferred or v_run.expired + v_run.stale > 0
      or exists (select 1 from acontext_sessions.restamp_state as t where t.moved_at >= v_run.started_at);
    v_remaining := acontext_sessions.count_due(v_run.expires_sessions, v_run.force, 100000);
    if v_remaining > 0 and v_got_on and v_run.trigger <> 'manual'
      and v_run.stop_reason in ('limit', 'time_budget', 'shutdown')
    then
      v_dispatched := acontext_sessions.dispatch_sweep('chain', v_run.expires_sessions, v_run.force);
    end if;
  exception when others then
    raise warning 'acontext_sessions: the next run cannot be called: % (%)', sqlerrm, sqlstate;
  end;
  return jsonb_build_object('remaining', v_remaining, 'dispatched', v_dispatched);
end;
$$;

create or replace function public.acontext_finish_reconcile(p_run_id uuid, p_result jsonb)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_now timestamptz := acontext_sessions.clock();
  v_run acontext_sessions.runs;
  v_got_on boolean;
  v_dispatched integer := 0;
begin
  update acontext_sessions.runs as r
  set status = 'finished',
    finished_at = v_now,
    total = coalesce((p_result ->> 'unknown')::integer, 0),
    errors = coalesce(p_result -> 'errors', '[]'),
    stop_reason = coalesce(p_result ->> 'stopReason', 'error')
  where r.id = p_run_id and r.status = 'running'
  returning r.* into v_run;
  if not found then
    return jsonb_build_object('dispatched', 0);
  end if;
  v_got_on := coalesce((p_result ->> 'queued')::integer, 0) > 0
    or coalesce((p_result ->> 'labelsRemoved')::integer, 0) > 0
    or exists (select 1 from acontext_sessions.reconcile_state as t where t.moved_at >= v_run.started_at);
  update acontext_sessions.reconcile_state as t
  set run_id = null, run_until = null
  where t.run_id = p_run_id;
  -- A scheduled pass continues until it is complete; one that a person started does not continue by itself.
  begin
    if v_got_on and v_run.trigger <> 'manual' and v_run.stop_reason in ('limit', 'time_budget', 'shutdown')
      and acontext_sessions.dispatch_reconcile('chain')
    then
      v_dispatched := 1;
    end if;
  exception when others then
    raise warning 'acontext_sessions: the next run cannot be called: % (%)', sqlerrm, sqlstate;
  end;
  return jsonb_build_object('dispatched', v_dispatched);
end;
$$;
