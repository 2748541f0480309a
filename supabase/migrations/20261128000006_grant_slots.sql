-- Purpose: so many deletes at a time as Acontext can bear, over all workers and calls, and the long ones apart from the others.
-- Risk: two columns, one nullable and one with a constant default; functions are replaced.

alter table acontext_sessions.runs
  add column slots integer not null default 0,
  add column probe_ms integer;

comment on column acontext_sessions.runs.slots is 'Deletes that this run may have under way at a time, while it is running.';
comment on column acontext_sessions.runs.probe_ms is
  'Milliseconds of the fastest answer to a small list that the run has seen; null when there was none.';

-- Those of version 0.1.0 that are under way: so many deletes at a time were its default.
update acontext_sessions.runs as r set slots = 16 where r.task = 'sweep' and r.status = 'running';

create function acontext_sessions.lock_slots()
returns void
language sql
volatile
security invoker
set search_path = ''
as $$
  select pg_advisory_xact_lock(hashtextextended('acontext_sessions.slots', 0));
$$;

revoke execute on function acontext_sessions.lock_slots() from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.lock_slots() to service_role;

comment on function acontext_sessions.lock_slots() is
  'Serialises, until the transaction ends, who may have how many deletes under way.';

create function acontext_sessions.free_slots()
returns integer
language sql
stable
security invoker
set search_path = ''
as $$
  select greatest(0, s.max_remote_deletes
    - (
      select coalesce(sum(r.slots), 0)
      from acontext_sessions.runs as r
      where r.status <> 'finished'
        and coalesce(r.started_at, r.requested_at) > acontext_sessions.clock() - acontext_sessions.run_timeout()
    )
    - (
      select count(*) from acontext_sessions.deletion_queue as q
      where q.holds_slot and q.leased_until > acontext_sessions.clock()
    ))::integer
  from acontext_sessions.settings as s;
$$;

revoke execute on function acontext_sessions.free_slots() from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.free_slots() to service_role;

comment on function acontext_sessions.free_slots() is
  'How many more deletes may be under way: max_remote_deletes, less what running sweeps and single leases hold. To be asked under lock_slots.';

create function acontext_sessions.lease_deletions(
  p_ids uuid[],
  p_lease_id uuid,
  p_lease_seconds integer,
  p_holds_slot boolean
)
returns setof acontext_sessions.deletion_queue
language sql
volatile
security invoker
set search_path = ''
as $$
  update acontext_sessions.deletion_queue as q
  -- A lease that ended without a report: what its holder did is not known.
  set session_in_doubt = q.session_in_doubt or q.lease_id is not null,
    disk_in_doubt = q.disk_in_doubt or q.lease_id is not null,
    lease_id = p_lease_id,
    leased_until = acontext_sessions.clock() + make_interval(secs => p_lease_seconds),
    holds_slot = p_holds_slot,
    next_attempt_at = acontext_sessions.clock() + make_interval(secs => p_lease_seconds),
    first_claimed_at = coalesce(q.first_claimed_at, acontext_sessions.clock())
  where q.id = any (p_ids)
  returning q.*;
$$;

revoke execute on function acontext_sessions.lease_deletions(uuid[], uuid, integer, boolean) from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.lease_deletions(uuid[], uuid, integer, boolean) to service_role;

comment on function acontext_sessions.lease_deletions(uuid[], uuid, integer, boolean) is
  'Leases these entries, which the caller has locked and found due.';

create or replace function public.acontext_start_sweep(p_run_id uuid, p_force boolean)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_now timestamptz := acontext_sessions.clock();
  v_settings acontext_sessions.settings;
  v_slots integer;
begin
  insert into acontext_sessions.runs as r (id, task, trigger, status, force, requested_at, started_at)
  values (p_run_id, 'sweep', 'manual', 'running', p_force, v_now, v_now)
  on conflict (id) do update
    set status = 'running', started_at = v_now, force = r.force or excluded.force
    where r.status = 'requested' and r.task = 'sweep';
  if not found then
    return jsonb_build_object('outcome', 'duplicate');
  end if;

  select s.* into v_settings from acontext_sessions.settings as s;
  if not v_settings.cleanup_enabled then
    update acontext_sessions.runs as r
    set status = 'finished', finished_at = v_now, stop_reason = 'disabled'
    where r.id = p_run_id;
    return jsonb_build_object('outcome', 'disabled');
  end if;

  perform acontext_sessions.lock_slots();
  v_slots := least(v_settings.concurrency, acontext_sessions.free_slots());
  if v_slots < 1 then
    update acontext_sessions.runs as r
    set status = 'finished', finished_at = v_now, stop_reason = 'busy'
    where r.id = p_run_id;
    return jsonb_build_object('outcome', 'busy');
  end if;
  update acontext_sessions.runs as r set slots = v_slots where r.id = p_run_id;
  return jsonb_build_object(
    'outcome', 'started',
    'settings', jsonb_build_object(
      'maxPerRun', v_settings.max_per_run,
      'concurrency', v_slots,
      'msPerMessage', acontext_sessions.ms_per_message(),
      'usualProbeMs', (
        select percentile_disc(0.2) within group (order by r.probe_ms)
        from (
          select c.probe_ms from acontext_sessions.runs as c
          where c.requested_at > v_now - interval '7 days' and c.probe_ms is not null
          order by c.requested_at desc limit 50
        ) as r
      )
    )
  );
end;
$$;

comment on function public.acontext_start_sweep(uuid, boolean) is
  'Starts a run once, however often its request is delivered, and grants it deletes at a time. Outcomes: started, duplicate, disabled, busy (others have all).';

drop function public.acontext_request_session_deletion(uuid, uuid, uuid, integer);

create function public.acontext_request_session_deletion(
  p_user_id uuid,
  p_session_id uuid,
  p_lease_id uuid,
  p_lease_seconds integer,
  p_max_messages integer default null
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
  v_entry acontext_sessions.deletion_queue;
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

  select q.* into v_entry from acontext_sessions.deletion_queue as q where q.id = p_session_id for update;
  if not found or v_entry.next_attempt_at > v_now or v_entry.slow
    or (v_entry.session_gone_at is null and v_entry.messages > p_max_messages)
    or v_session.last_write_at > v_now - acontext_sessions.write_gap()
  then
    return jsonb_build_object('outcome', 'queued');
  end if;
  perform acontext_sessions.lock_slots();
  if acontext_sessions.free_slots() < 1 then
    return jsonb_build_object('outcome', 'queued');
  end if;
  select l.* into v_entry
  from acontext_sessions.lease_deletions(array[p_session_id], p_lease_id, p_lease_seconds, true) as l;
  return jsonb_build_object('outcome', 'claimed', 'deletion', acontext_sessions.deletion_view(v_entry));
end;
$$;

revoke execute on function public.acontext_request_session_deletion(uuid, uuid, uuid, integer, integer)
  from public, anon, authenticated, service_role;
grant execute on function public.acontext_request_session_deletion(uuid, uuid, uuid, integer, integer) to service_role;

comment on function public.acontext_request_session_deletion(uuid, uuid, uuid, integer, integer) is
  'Hides a session from its owner, queues its remote resources and, when they are due at once, nobody works on them, there are no more than p_max_messages and a slot is free, leases them to the caller. Outcomes: claimed, queued, not_found.';

drop function public.acontext_claim_deletions(uuid, integer, integer);

create function public.acontext_claim_deletions(
  p_lease_id uuid,
  p_limit integer,
  p_lease_seconds integer,
  p_max_messages integer default null
)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_now timestamptz := acontext_sessions.clock();
  v_written_before timestamptz := v_now - acontext_sessions.write_gap();
  v_max_messages integer := coalesce(p_max_messages, 2147483647);
  v_ids uuid[];
  v_claimed jsonb;
begin
  select coalesce(array_agg(d.id), '{}') into v_ids
  from (
    select q.id
    from acontext_sessions.deletion_queue as q
    where q.next_attempt_at <= v_now
      and not q.slow
      and (q.session_gone_at is not null or coalesce(q.messages, 0) <= v_max_messages)
      -- A write that was under way when the deletion was asked for. Not a join: of how many rows the planner cannot know, and
      -- it would sort them all.
      and coalesce((select s.last_write_at from public.session_mappings as s where s.id = q.id) <= v_written_before, true)
    order by q.next_attempt_at, q.id
    limit p_limit
    for update skip locked
  ) as d;

  select coalesce(jsonb_agg(acontext_sessions.deletion_view(c) order by c.id), '[]') into v_claimed
  from acontext_sessions.lease_deletions(v_ids, p_lease_id, p_lease_seconds, false) as c;
  return v_claimed;
end;
$$;

revoke execute on function public.acontext_claim_deletions(uuid, integer, integer, integer)
  from public, anon, authenticated, service_role;
grant execute on function public.acontext_claim_deletions(uuid, integer, integer, integer) to service_role;

comment on function public.acontext_claim_deletions(uuid, integer, integer, integer) is
  'Leases up to p_limit due deletions to the caller, the longest due first; not those with more than p_max_messages, nor any that was written to within write_gap. An abandoned lease becomes due by itself.';

create function public.acontext_claim_long_deletion(
  p_lease_id uuid,
  p_lease_seconds integer,
  p_over integer,
  p_fits integer,
  p_never integer
)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_now timestamptz := acontext_sessions.clock();
  v_written_before timestamptz := v_now - acontext_sessions.write_gap();
  v_id uuid;
  v_entry acontext_sessions.deletion_queue;
begin
  perform acontext_sessions.lock_slots();
  -- However many need long, the others have a quarter of the slots to themselves.
  if acontext_sessions.free_slots() * 4 <= (select s.max_remote_deletes from acontext_sessions.settings as s) then
    return null;
  end if;
  select q.id into v_id
  from acontext_sessions.deletion_queue as q
  where q.next_attempt_at <= v_now
    -- Twice, the first time as the index has it.
    and (q.slow or q.messages > 200)
    and (q.slow or (q.messages > p_over and q.session_gone_at is null))
    and (q.session_gone_at is not null or coalesce(q.messages, 0) <= p_fits or q.messages > p_never)
    and coalesce((select s.last_write_at from public.session_mappings as s where s.id = q.id) <= v_written_before, true)
  order by q.next_attempt_at, q.id
  limit 1
  for update skip locked;
  if not found then
    return null;
  end if;
  select l.* into v_entry
  from acontext_sessions.lease_deletions(array[v_id], p_lease_id, p_lease_seconds, true) as l;
  return acontext_sessions.deletion_view(v_entry);
end;
$$;

revoke execute on function public.acontext_claim_long_deletion(uuid, integer, integer, integer, integer)
  from public, anon, authenticated, service_role;
grant execute on function public.acontext_claim_long_deletion(uuid, integer, integer, integer, integer) to service_role;

comment on function public.acontext_claim_long_deletion(uuid, integer, integer, integer, integer) is
  'Leases one due deletion that needs long, with a slot of its own: one with more than p_over messages (200 at least) or that was slow, which fits (at most p_fits messages) or never will (more than p_never). Null when there is none, or when only a quarter of the slots is free, which others have to themselves.';

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
  v_remaining integer;
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

  v_got_on := v_run.total > v_run.deferred or v_run.expired + v_run.stale > 0
    or exists (select 1 from acontext_sessions.restamp_state as t where t.moved_at >= v_run.started_at);
  v_remaining := acontext_sessions.count_due(v_run.expires_sessions, v_run.force, 100000);
  if v_remaining > 0 and v_got_on and v_run.trigger <> 'manual'
    and v_run.stop_reason in ('limit', 'time_budget', 'shutdown')
  then
    v_dispatched := acontext_sessions.dispatch_sweep('chain', v_run.expires_sessions, v_run.force);
  end if;
  return jsonb_build_object('remaining', v_remaining, 'dispatched', v_dispatched);
end;
$$;
