-- Purpose: runs are called, begin and end whatever has been left behind by a clock that was wrong, or takes too long.
-- Risk: none; runs from a time to come no longer count as under way.

create or replace function acontext_sessions.dispatch_sweep(
  p_trigger          acontext_sessions.run_trigger,
  p_expires_sessions boolean,
  p_force            boolean
)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := acontext_sessions.clock();
  v_settings acontext_sessions.settings;
  v_net text;
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

  begin
    if p_trigger = 'schedule' then
      perform acontext_sessions.mend_times();
    end if;
  exception when others then
    raise warning 'acontext_sessions: times cannot be mended: % (%)', sqlerrm, sqlstate;
  end;
  begin
    if p_trigger in ('schedule', 'retry') then
      perform acontext_sessions.clear_set_aside(false);
    end if;
  exception when others then
    raise warning 'acontext_sessions: what was set aside cannot be looked at: % (%)', sqlerrm, sqlstate;
  end;

  -- Deleted users do not wait for a run.
  begin
    if p_trigger = 'schedule' then
      perform acontext_sessions.find_erased_users();
    end if;
    if p_trigger in ('schedule', 'retry') then
      perform acontext_sessions.queue_erased(2000);
    end if;
  exception when others then
    raise warning 'acontext_sessions: erased_failed: % (%)', sqlerrm, sqlstate;
  end;

  -- Looked at once, not for each run, where somebody has locked it.
  v_net := acontext_sessions.net_facts() ->> 'state';
  -- A wrong key, a missing function, a wrong or unreachable address, a crash: the call is over and nobody works. Were it none
  -- of these and only slow, the worker finds its run finished and leaves the work to the next. So is a call that is as old
  -- as the credential which it carries may be: else each dispatch would look for its answer.
  update acontext_sessions.runs as r
  set status = 'finished',
    finished_at = v_now,
    stop_reason = 'not_delivered',
    errors = jsonb_build_array(jsonb_build_object('id', r.id, 'error', c.problem))
  from (
    select u.id, u.requested_at, acontext_sessions.call_problem(u.*::acontext_sessions.runs) as problem
    from acontext_sessions.runs as u
    where u.status = 'requested' and u.request_id is not null and v_net <> 'unreadable'
  ) as c
  where r.id = c.id and r.status = 'requested' and c.problem <> 'not_sent'
    and (c.problem not in ('no_answer', 'not_started') or c.requested_at <= v_now - interval '1 hour');

  if p_trigger = 'retry' and acontext_sessions.reconcile_was_missed() then
    perform acontext_sessions.dispatch_reconcile('retry');
  end if;

  v_expires_sessions := p_expires_sessions
    or (p_trigger = 'retry' and acontext_sessions.expiry_is_unfinished());
  v_due := acontext_sessions.count_due(
    v_expires_sessions, p_force, v_settings.max_workers * v_settings.max_per_run
  );
  -- The expiry limit hides what would expire; a run has to say so.
  if v_due = 0 and not (v_expires_sessions and acontext_sessions.expiry_scope(p_force) <> 'all') then
    return 0;
  end if;

  -- One dispatcher decides at a time. A run that has not reported for this long is not coming back, unless pg_net still has
  -- its call.
  perform pg_advisory_xact_lock(hashtextextended('acontext_sessions.dispatch_sweep', 0));
  select count(*)::integer into v_busy
  from acontext_sessions.runs as r
  where r.status <> 'finished' and r.task = 'sweep'
    and (
      (
        coalesce(r.started_at, r.requested_at) > v_now - acontext_sessions.run_timeout()
        and coalesce(r.started_at, r.requested_at) < v_now + acontext_sessions.run_timeout()
      )
      or (r.status = 'requested' and v_net = 'ok' and acontext_sessions.waits_in_pg_net(r.id))
    );
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

create or replace function public.acontext_start_sweep(
  p_run_id uuid,
  p_force  boolean
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_now timestamptz := acontext_sessions.clock();
  v_settings acontext_sessions.settings;
  v_slots integer;
  v_trigger acontext_sessions.run_trigger;
begin
  insert into acontext_sessions.runs as r (id, task, trigger, status, force, requested_at, started_at)
  values (p_run_id, 'sweep', 'manual', 'running', p_force, v_now, v_now)
  on conflict (id) do update
    set status = 'running', started_at = v_now, force = r.force or excluded.force
    where r.status = 'requested' and r.task = 'sweep'
  returning r.trigger into v_trigger;
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
  if v_trigger = 'manual' then
    -- Somebody may have corrected what stood in the way.
    begin
      perform acontext_sessions.clear_set_aside(true);
    exception when others then
      raise warning 'acontext_sessions: what was set aside cannot be looked at: % (%)', sqlerrm, sqlstate;
    end;
  end if;
  return jsonb_build_object(
    'outcome', 'started',
    'settings', jsonb_build_object(
      'maxPerRun', v_settings.max_per_run,
      'concurrency', v_slots,
      'msPerMessage', acontext_sessions.ms_per_message(),
      'usualProbeMs', (
        select percentile_disc(0.2) within group (order by greatest(r.probe_ms, 0))
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

  -- The run has ended, whatever becomes of the next, also where counting takes too long.
  begin
    v_got_on := v_run.total > v_run.deferred or v_run.expired + v_run.stale > 0
      or exists (select 1 from acontext_sessions.restamp_state as t where t.moved_at >= v_run.started_at);
    v_remaining := acontext_sessions.count_due(v_run.expires_sessions, v_run.force, 100000);
    if v_remaining > 0 and v_got_on and v_run.trigger <> 'manual'
      and v_run.stop_reason in ('limit', 'time_budget', 'shutdown')
    then
      v_dispatched := acontext_sessions.dispatch_sweep('chain', v_run.expires_sessions, v_run.force);
    end if;
  exception when query_canceled or others then
    raise warning 'acontext_sessions: the next run cannot be called: % (%)', sqlerrm, sqlstate;
  end;
  return jsonb_build_object('remaining', v_remaining, 'dispatched', v_dispatched);
end;
$$;
