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

create or replace function public.acontext_queue_due_sessions(p_run_id uuid, p_limit integer)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_run acontext_sessions.runs;
  v_stale integer := 0;
  v_expired integer := 0;
  v_restamped boolean;
  v_more boolean := false;
  v_step record;
  -- Of steps that failed, and of rows that cannot change. The others go on.
  v_problems text[] := array[]::text[];
begin
  select r.* into v_run from acontext_sessions.runs as r where r.id = p_run_id for update;
  if not found then
    raise sqlstate 'PT404' using message = 'Cannot queue due sessions: no such run';
  end if;

  -- Until it is through, old stamps tell neither the expiry limit nor this step what has expired.
  begin
    v_restamped := not v_run.expires_sessions or acontext_sessions.restamp_sessions(2000);
  exception when others then
    raise warning 'acontext_sessions: restamp_failed: % (%)', sqlerrm, sqlstate;
    v_problems := v_problems || ('restamp_failed: ' || sqlstate);
  end;

  begin
    select q.* into v_step from acontext_sessions.queue_stale(p_limit) as q;
    v_stale := v_step.moved;
    v_more := v_more or v_step.more;
    if v_step.problem is not null then
      v_problems := v_problems || ('stale_failed: ' || v_step.problem);
    end if;
  exception when others then
    raise warning 'acontext_sessions: stale_failed: % (%)', sqlerrm, sqlstate;
    v_problems := v_problems || ('stale_failed: ' || sqlstate);
  end;

  if v_run.expires_sessions and v_restamped then
    begin
      if v_run.expiry_allowed is null then
        v_run.expiry_allowed := acontext_sessions.expiry_allowed(v_run.force);
        update acontext_sessions.runs as r
        set expiry_allowed = v_run.expiry_allowed where r.id = p_run_id;
      end if;
      if v_run.expiry_allowed then
        select q.* into v_step from acontext_sessions.queue_expired(p_limit) as q;
        v_expired := v_step.moved;
        v_more := v_more or v_step.more;
        if v_step.problem is not null then
          v_problems := v_problems || ('expiry_failed: ' || v_step.problem);
        end if;
      end if;
    exception when others then
      raise warning 'acontext_sessions: expiry_failed: % (%)', sqlerrm, sqlstate;
      v_problems := v_problems || ('expiry_failed: ' || sqlstate);
    end;
  end if;

  update acontext_sessions.runs as r
  set expired = r.expired + v_expired, stale = r.stale + v_stale
  where r.id = p_run_id;
  return jsonb_build_object(
    'expired', v_expired,
    'stale', v_stale,
    'tooManyExpiring', coalesce(v_run.expires_sessions and v_restamped and not v_run.expiry_allowed, false),
    -- A step that failed would fail again: the next run tries.
    'more', coalesce(v_more or not v_restamped, false)
  ) || case
    when cardinality(v_problems) > 0 then jsonb_build_object('problems', v_problems)
    else jsonb_build_object()
  end;
end;
$$;

comment on function public.acontext_queue_due_sessions(uuid, integer) is
  'One bounded step of a run: moves stale and expired sessions into the deletion queue. After a change of session_ttl nothing expires before all sessions have been restamped. A part that fails is named in problems, and keeps no other from going on. Raises PT404 for an unknown run.';

create or replace function public.acontext_settle_deletions(p_lease_id uuid, p_settlements jsonb)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_now timestamptz := acontext_sessions.clock();
  v_ids uuid[];
  v_free uuid[];
  v_done uuid[];
  v_id uuid;
  -- What is gone in Acontext and whose row cannot leave: id and error of each.
  v_kept jsonb := jsonb_build_array();
  v_failed integer;
  v_released integer;
begin
  select coalesce(array_agg((r ->> 'id')::uuid), '{}') into v_ids from jsonb_array_elements(p_settlements) as r;
  -- Everybody locks a session before its queue entry. To wait for one session while holding others could deadlock with the
  -- deletion of a user, so what somebody else holds is left out: it keeps its lease and is worked on again after that.
  select coalesce(array_agg(f.id), '{}') into v_free
  from (
    select s.id from public.session_mappings as s where s.id = any (v_ids) for update skip locked
  ) as f;

  with reported as materialized (
    select r.*
    from jsonb_to_recordset(p_settlements)
      as r (id uuid, session acontext_sessions.deletion_proof, disk acontext_sessions.deletion_proof, disposition text, error text, "underWay" boolean, "inDoubt" jsonb, repeated integer, slow boolean, stuck boolean, "sessionMs" integer)
  ),
  settled as (
    update acontext_sessions.deletion_queue as q
    set session_gone_at = coalesce(q.session_gone_at, case when r.session is not null then v_now end),
      session_proof = coalesce(q.session_proof, r.session),
      disk_gone_at = coalesce(q.disk_gone_at, case when r.disk is not null then v_now end),
      disk_proof = coalesce(q.disk_proof, r.disk),
      session_ms = coalesce(r."sessionMs", q.session_ms),
      lease_id = null,
      leased_until = null,
      holds_slot = false,
      session_in_doubt = q.session_in_doubt or coalesce(r."inDoubt" ? 'session', false),
      disk_in_doubt = q.disk_in_doubt or coalesce(r."inDoubt" ? 'disk', false),
      slow = q.slow or coalesce(r.slow, false),
      repeated_deletes = q.repeated_deletes + coalesce(r.repeated, 0),
      last_error = coalesce(r.error, q.last_error),
      attempts = case
        when r.disposition <> 'retry' then q.attempts
        -- To try it often would not help: an operator should look now.
        when r.stuck then greatest(q.attempts + 1, acontext_sessions.stuck_attempts())
        else q.attempts + 1
      end,
      next_attempt_at = case
        -- Wholly gone, it leaves right below: as it is, no index has to follow.
        when coalesce(q.session_proof, r.session) is not null and coalesce(q.disk_proof, r.disk) is not null
          then q.next_attempt_at
        when r.disposition = 'retry' then v_now + greatest(
          case
            when r.stuck then interval '6 hours' * (1 + acontext_sessions.random() / 2)
            else acontext_sessions.retry_delay(q.attempts)
          end,
          -- A request may still be under way in Acontext: two deletes of one id must not overlap
          case when r."underWay" then interval '1 minute' end
        )
        when r.disposition = 'defer' then v_now + interval '1 minute'
        else v_now
      end
    from reported as r
    where q.id = r.id and q.lease_id = p_lease_id
      and (
        q.id = any (v_free)
        or not exists (select 1 from public.session_mappings as s where s.id = q.id)
      )
    returning q.id, q.session_gone_at is not null and q.disk_gone_at is not null as done, r.disposition
  )
  select
    coalesce(array_agg(s.id) filter (where s.done), '{}'),
    (count(*) filter (where not s.done and s.disposition = 'retry'))::integer,
    (count(*) filter (where not s.done and s.disposition <> 'retry'))::integer
  into v_done, v_failed, v_released
  from settled as s;

  if cardinality(v_done) > 0 then
    begin
      delete from public.session_mappings as s where s.id = any (v_done);
    exception when others then
      -- A reference or a trigger of the app keeps one of them. The others go, each by itself.
      foreach v_id in array v_done loop
        begin
          delete from public.session_mappings as s where s.id = v_id;
        exception when others then
          raise warning 'acontext_sessions: session % cannot leave: % (%)', v_id, sqlerrm, sqlstate;
          v_kept := v_kept || jsonb_build_object('id', v_id, 'error', 'row: ' || sqlstate);
        end;
      end loop;
    end;
    -- A trigger of the app can keep a row without an error.
    select v_kept || coalesce(jsonb_agg(jsonb_build_object('id', s.id, 'error', 'row: kept') order by s.id), '[]') into v_kept
    from public.session_mappings as s
    where s.id = any (v_done)
      and not exists (select 1 from jsonb_to_recordset(v_kept) as k (id uuid) where k.id = s.id);
    if v_kept <> '[]' then
      update acontext_sessions.deletion_queue as q
      set attempts = q.attempts + 1,
        next_attempt_at = v_now + acontext_sessions.retry_delay(q.attempts),
        last_error = k.error
      from jsonb_to_recordset(v_kept) as k (id uuid, error text)
      where q.id = k.id;
      v_failed := v_failed + jsonb_array_length(v_kept);
      select coalesce(array_agg(d.id), '{}') into v_done
      from unnest(v_done) as d (id)
      where not exists (select 1 from jsonb_to_recordset(v_kept) as k (id uuid) where k.id = d.id);
    end if;
    with gone as (
      delete from acontext_sessions.deletion_queue as q where q.id = any (v_done) returning q.*
    )
    insert into acontext_sessions.deletion_log (
      id, origin_id, reason, user_id, acontext_session_id, acontext_disk_id,
      session_proof, session_gone_at, disk_proof, disk_gone_at, attempts, requested_at, finished_at,
      messages, session_ms, repeated_deletes
    )
    select g.id, g.origin_id, g.reason, g.user_id, g.acontext_session_id, g.acontext_disk_id,
      g.session_proof, g.session_gone_at, g.disk_proof, g.disk_gone_at, g.attempts + 1, g.requested_at, v_now,
      g.messages, g.session_ms, g.repeated_deletes
    from gone as g;
  end if;

  return jsonb_build_object(
    'deleted', cardinality(v_done),
    'failed', v_failed,
    'released', v_released,
    'lost', jsonb_array_length(p_settlements) - cardinality(v_done) - v_failed - v_released
  ) || case when v_kept = '[]' then '{}' else jsonb_build_object('kept', v_kept) end;
end;
$$;

comment on function public.acontext_settle_deletions(uuid, jsonb) is
  'Reports on a batch of leased deletions: stamps what is proven gone, removes and logs what is wholly gone, backs off what failed. A row that the app keeps from leaving is backed off, counts as failed, and is named in kept with its error. Reports under a lost lease, or on what somebody else changes right now, change nothing and count as lost.';

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

create or replace function acontext_sessions.dispatch_sweep(
  p_trigger acontext_sessions.run_trigger,
  p_expires_sessions boolean,
  p_force boolean
)
returns integer
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := acontext_sessions.clock();
  v_settings acontext_sessions.settings;
  v_expires_sessions boolean;
  v_due integer;
  v_busy integer;
  v_wanted integer;
begin
  -- A new session_ttl reaches all sessions soon, not only when the next run expires some.
  if p_trigger = 'retry' then
    begin
      perform acontext_sessions.restamp_sessions(2000);
    exception when others then
      -- The run that is about to expire sessions reports it.
      raise warning 'acontext_sessions: restamp_failed: % (%)', sqlerrm, sqlstate;
    end;
  end if;
  select s.* into v_settings from acontext_sessions.settings as s;
  if not v_settings.cleanup_enabled then
    return 0;
  end if;

  -- A wrong key, a missing function or an unreachable address: the call is over and nobody works. Were it none of these and
  -- only slow, the worker finds its run finished and leaves the work to the next.
  update acontext_sessions.runs as r
  set status = 'finished',
    finished_at = v_now,
    stop_reason = 'not_delivered',
    errors = jsonb_build_array(jsonb_build_object(
      'id', r.id,
      'error', coalesce('http_' || a.status_code, case when a.timed_out then 'timeout' else 'unreachable' end)
    ))
  from net._http_response as a
  where r.status = 'requested' and a.id = r.request_id
    and (a.status_code is null or a.status_code not between 200 and 299);

  v_expires_sessions := p_expires_sessions
    or (p_trigger = 'retry' and acontext_sessions.expiry_is_unfinished());
  v_due := acontext_sessions.count_due(
    v_expires_sessions, p_force, v_settings.max_workers * v_settings.max_per_run
  );
  -- The expiry limit hides what would expire; a run has to say so.
  if v_due = 0 and not (v_expires_sessions and not acontext_sessions.expiry_allowed(p_force)) then
    return 0;
  end if;

  -- One dispatcher decides at a time. A run that has not reported for this long is not coming back.
  perform pg_advisory_xact_lock(hashtextextended('acontext_sessions.dispatch_sweep', 0));
  select count(*)::integer into v_busy
  from acontext_sessions.runs as r
  where r.status <> 'finished' and r.task = 'sweep'
    and coalesce(r.started_at, r.requested_at) > v_now - acontext_sessions.run_timeout();
  v_wanted := least(
    v_settings.max_workers,
    greatest(1, ceil(v_due::numeric / v_settings.max_per_run)::integer)
  ) - v_busy;
  if v_wanted <= 0 then
    return 0;
  end if;

  for v_worker in 1..v_wanted loop
    if not acontext_sessions.call_worker('sweep', p_trigger, v_expires_sessions, p_force) then
      return 0;
    end if;
  end loop;
  return v_wanted;
end;
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

create or replace function acontext_sessions.apply_settings(p_changes jsonb)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_unknown text;
  v_old acontext_sessions.settings;
  v_new acontext_sessions.settings;
begin
  if p_changes is null or jsonb_typeof(p_changes) <> 'object' then
    raise sqlstate 'PT400' using message = 'Cannot change settings: not a JSON object';
  end if;
  select s.* into v_old from acontext_sessions.settings as s for update;

  select k into v_unknown
  from jsonb_object_keys(p_changes) as k
  where k in ('only_row', 'updated_at') or not to_jsonb(v_old) ? k
  order by k limit 1;
  if found then
    raise sqlstate 'PT400' using
      message = format('Cannot change settings: unknown setting %I', v_unknown);
  end if;

  begin
    v_new := jsonb_populate_record(v_old, p_changes);
    if v_new.max_workers * v_new.concurrency > v_new.max_remote_deletes then
      raise exception '% workers that each delete % at a time would exceed max_remote_deletes, which is %',
        v_new.max_workers, v_new.concurrency, v_new.max_remote_deletes;
    end if;
    update acontext_sessions.settings as s
    set cleanup_enabled = v_new.cleanup_enabled,
      cleanup_schedule = v_new.cleanup_schedule,
      retry_schedule = v_new.retry_schedule,
      reconcile_schedule = v_new.reconcile_schedule,
      session_ttl = v_new.session_ttl,
      provisioning_timeout = v_new.provisioning_timeout,
      deletion_grace = v_new.deletion_grace,
      orphan_grace = v_new.orphan_grace,
      touch_granularity = v_new.touch_granularity,
      max_sessions_per_user = v_new.max_sessions_per_user,
      max_workers = v_new.max_workers,
      max_per_run = v_new.max_per_run,
      concurrency = v_new.concurrency,
      max_remote_deletes = v_new.max_remote_deletes,
      max_messages_per_session = v_new.max_messages_per_session,
      disable_task_tracking = v_new.disable_task_tracking,
      max_expiry_fraction = v_new.max_expiry_fraction,
      max_expiry_minimum = v_new.max_expiry_minimum,
      log_retention = v_new.log_retention,
      updated_at = acontext_sessions.clock()
    where s.only_row
    returning s.* into v_new;
    perform acontext_sessions.schedule_jobs();
  exception when others then
    raise sqlstate 'PT400' using message = 'Cannot change settings: ' || sqlerrm;
  end;

  if v_new.session_ttl is distinct from v_old.session_ttl then
    -- What the expiry limit allowed before the change no longer holds.
    update acontext_sessions.runs as r set expiry_allowed = null where r.status <> 'finished';
    update acontext_sessions.restamp_state as t set after_id = '00000000-0000-0000-0000-000000000000' where t.only_row;
    begin
      perform acontext_sessions.restamp_sessions(2000);
    exception when others then
      -- The setting holds all the same; runs go on with the rest, and health tells when they cannot.
      raise warning 'acontext_sessions: restamp_failed: % (%)', sqlerrm, sqlstate;
    end;
  end if;
  return to_jsonb(v_new) - 'only_row';
end;
$$;

create or replace function acontext_sessions.run_facts(p_runs integer)
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  select jsonb_build_object(
    'recent', coalesce((
      select jsonb_agg(acontext_sessions.run_view(r.*::acontext_sessions.runs) order by r.requested_at desc, r.id)
      from (
        select c.* from acontext_sessions.runs as c order by c.requested_at desc, c.id limit least(greatest(p_runs, 0), 100)
      ) as r
    ), '[]'),
    'lastSuccessSeconds', (
      select acontext_sessions.seconds_since(r.finished_at) from acontext_sessions.runs as r
      where r.task = 'sweep' and r.stop_reason in ('empty', 'limit', 'time_budget', 'shutdown', 'queueing_failed')
      order by r.requested_at desc limit 1
    ),
    'lastFinished', (
      select r.stop_reason from acontext_sessions.runs as r
      where r.status = 'finished'
        and r.stop_reason not in ('disabled', 'not_configured', 'not_delivered', 'busy', 'lost')
      order by r.requested_at desc limit 1
    ),
    'lastExpiry', (
      select r.stop_reason from acontext_sessions.runs as r
      where r.task = 'sweep' and r.expires_sessions and r.status = 'finished'
        and r.stop_reason not in ('disabled', 'not_configured', 'not_delivered')
      order by r.requested_at desc limit 1
    ),
    'lastReconcile', (
      select r.stop_reason from acontext_sessions.runs as r
      where r.task = 'reconcile' and r.status = 'finished'
        and r.stop_reason not in ('disabled', 'not_configured', 'not_delivered', 'busy')
      order by r.requested_at desc limit 1
    ),
    'queueProblem', (
      select e.value ->> 'error'
      from (
        select c.errors from acontext_sessions.runs as c
        where c.task = 'sweep' and c.status = 'finished'
          and c.stop_reason not in ('disabled', 'not_configured', 'not_delivered', 'busy')
        order by c.requested_at desc limit 1
      ) as r
      cross join lateral jsonb_array_elements(r.errors) as e (value)
      where e.value ->> 'error' ~ '^(restamp|stale|expiry|queueing)_failed'
      limit 1
    ),
    'lastCall', acontext_sessions.last_call()
  );
$$;
