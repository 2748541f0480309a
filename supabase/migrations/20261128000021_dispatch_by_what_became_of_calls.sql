-- Purpose: runs whose call failed are ended and called again; users who were deleted wait for no run; what fails in one part of a dispatch keeps no other from going on.
-- Risk: none; a new function, and a function is replaced.

create function acontext_sessions.reconcile_was_missed()
returns boolean
language sql
stable
security invoker
set search_path = ''
as $$
  select coalesce((
    select r.stop_reason in ('not_delivered', 'not_configured')
      and (r.requested_at <= acontext_sessions.clock() - interval '1 hour' or r.errors -> 0 ->> 'error' = 'lost')
    from acontext_sessions.runs as r
    where r.task = 'reconcile' and r.trigger <> 'manual'
      and r.requested_at > acontext_sessions.clock() - interval '7 days'
    order by r.requested_at desc
    limit 1
  ), false);
$$;

revoke execute on function acontext_sessions.reconcile_was_missed() from public, anon, authenticated, service_role;

comment on function acontext_sessions.reconcile_was_missed() is
  'Whether nobody began the last scheduled search, so that the next retry calls for it again, once an hour, instead of waiting for the next week.';

create or replace function acontext_sessions.dispatch_sweep(
  p_trigger acontext_sessions.run_trigger, p_expires_sessions boolean, p_force boolean
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
  if v_due = 0 and not (v_expires_sessions and not acontext_sessions.expiry_allowed(p_force)) then
    return 0;
  end if;

  -- One dispatcher decides at a time. A run that has not reported for this long is not coming back, unless pg_net still has
  -- its call.
  perform pg_advisory_xact_lock(hashtextextended('acontext_sessions.dispatch_sweep', 0));
  select count(*)::integer into v_busy
  from acontext_sessions.runs as r
  where r.status <> 'finished' and r.task = 'sweep'
    and (
      coalesce(r.started_at, r.requested_at) > v_now - acontext_sessions.run_timeout()
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

comment on function acontext_sessions.dispatch_sweep(acontext_sessions.run_trigger, boolean, boolean) is
  'Calls as many background workers as the backlog needs and answers how many. Nothing due: no call. As the retry job, it also calls again for a reconcile run that nobody began.';
