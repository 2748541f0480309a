-- Purpose: no single value, of a clock that was wrong for a while above all, keeps a step from going on.
-- Risk: none; counts stay at their maximum, and what is due only after longer than anything waits becomes due.

create or replace function acontext_sessions.seconds_since(
  p_time timestamptz
)
returns bigint
language sql
stable
set search_path = ''
as $$
  select case when isfinite(p_time) then extract(epoch from acontext_sessions.clock() - p_time)::bigint end;
$$;

create or replace function acontext_sessions.deletion_view(
  p_entry acontext_sessions.deletion_queue
)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object(
    'id', p_entry.id,
    'originId', p_entry.origin_id,
    'acontextSessionId', p_entry.acontext_session_id,
    'acontextDiskId', p_entry.acontext_disk_id,
    'sessionGone', p_entry.session_gone_at is not null,
    'diskGone', p_entry.disk_gone_at is not null,
    'attempts', p_entry.attempts,
    'messages', greatest(p_entry.messages, 0),
    'sessionInDoubt', p_entry.session_in_doubt,
    'diskInDoubt', p_entry.disk_in_doubt
  );
$$;

create or replace function acontext_sessions.run_view(
  p_run acontext_sessions.runs
)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object(
    'id', p_run.id,
    'task', p_run.task,
    'trigger', p_run.trigger,
    'status', p_run.status,
    'stopReason', p_run.stop_reason,
    'requestedAt', p_run.requested_at,
    'startedAt', p_run.started_at,
    'finishedAt', p_run.finished_at,
    'total', greatest(p_run.total, 0),
    'deleted', greatest(p_run.deleted, 0),
    'failed', greatest(p_run.failed, 0),
    'deferred', greatest(p_run.deferred, 0),
    'expired', greatest(p_run.expired, 0),
    'stale', greatest(p_run.stale, 0),
    -- In the shape that health can answer, whatever somebody has written there.
    'errors', coalesce((
      select jsonb_agg(jsonb_build_object('id', e.value ->> 'id', 'error', e.value ->> 'error') order by e.number)
      from jsonb_array_elements(case jsonb_typeof(p_run.errors) when 'array' then p_run.errors else '[]' end)
        with ordinality as e (value, number)
      where e.value ->> 'id' is not null and e.value ->> 'error' is not null
    ), '[]')
  );
$$;

create or replace function acontext_sessions.ms_per_message()
returns double precision
language sql
stable
set search_path = ''
as $$
  select percentile_cont(0.75) within group (order by greatest(l.session_ms, 0)::double precision / l.messages)
  from (
    select d.session_ms, d.messages
    from acontext_sessions.deletion_log as d
    where d.messages >= 20 and d.session_ms is not null
    order by d.log_id desc limit 100
  ) as l;
$$;

create or replace function acontext_sessions.retry_delay(p_attempts integer)
returns interval
language sql
volatile
set search_path = ''
as $$
  -- Up to half as much again, so that failures do not come back together.
  select least(interval '30 seconds' * power(2, least(greatest(p_attempts, 0), 20)), interval '6 hours')
    * (1 + acontext_sessions.random() / 2);
$$;

create or replace function acontext_sessions.free_slots()
returns integer
language sql
stable
set search_path = ''
as $$
  select greatest(0, s.max_remote_deletes
    - (
      select coalesce(sum(greatest(r.slots, 0)), 0)
      from acontext_sessions.runs as r
      where r.status <> 'finished'
        and coalesce(r.started_at, r.requested_at) > acontext_sessions.clock() - acontext_sessions.run_timeout()
        -- From before the clock was set back: it would hold its slots until then.
        and coalesce(r.started_at, r.requested_at) < acontext_sessions.clock() + acontext_sessions.run_timeout()
    )
    - (
      select count(*) from acontext_sessions.deletion_queue as q
      where q.holds_slot and q.leased_until > acontext_sessions.clock()
        and q.leased_until < acontext_sessions.clock() + interval '1 hour'
    ))::integer
  from acontext_sessions.settings as s;
$$;

create or replace function acontext_sessions.expiry_is_unfinished()
returns boolean
language sql
stable
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
      and r.requested_at <= acontext_sessions.clock()
    order by r.requested_at desc
    limit 1
  ), false);
$$;

create function acontext_sessions.mend_times()
returns void
language plpgsql
security invoker
volatile
set search_path = ''
as $$
declare
  v_now timestamptz := acontext_sessions.clock();
begin
  -- A grace period is a year at most.
  update acontext_sessions.deletion_queue as q
  -- Whoever holds a lease may still be deleting, for no longer than a worker lives.
  set next_attempt_at = v_now + greatest(
    (select s.deletion_grace from acontext_sessions.settings as s),
    case when q.lease_id is not null then interval '1 hour' end
  )
  where q.next_attempt_at > v_now + interval '400 days';
  update acontext_sessions.provisioning_leases as p
  set leased_until = v_now where p.leased_until > v_now + interval '1 day';
  update acontext_sessions.uncertain_sessions as u
  set since = v_now where u.since > v_now + interval '1 day';
  update acontext_sessions.message_keys as k
  set created_at = v_now where k.created_at > v_now + interval '1 day';
  update acontext_sessions.message_keys as k
  set leased_until = v_now where k.leased_until > v_now + interval '1 day' and k.message_id is null;
  update acontext_sessions.set_aside as a
  set next_attempt_at = v_now where a.next_attempt_at > v_now + interval '2 days';
end;
$$;

revoke execute on function acontext_sessions.mend_times() from public, anon, authenticated, service_role;
comment on function acontext_sessions.mend_times() is
  'Brings back what waits for a time that is further away than anything waits, as after a clock that was ahead and was set back.';

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

create or replace function public.acontext_settle_deletions(
  p_lease_id    uuid,
  p_settlements jsonb
)
returns jsonb
language plpgsql
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
      -- Counts stay at their maximum: an error would be that of the whole batch.
      repeated_deletes = least(2147483647, q.repeated_deletes::bigint + coalesce(r.repeated, 0))::integer,
      last_error = coalesce(r.error, q.last_error),
      attempts = case
        when r.disposition <> 'retry' then q.attempts
        -- To try it often would not help: an operator should look now.
        when r.stuck then greatest(least(q.attempts, 2147483646) + 1, acontext_sessions.stuck_attempts())
        else least(q.attempts, 2147483646) + 1
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
      set attempts = least(q.attempts, 2147483646) + 1,
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
      g.session_proof, g.session_gone_at, g.disk_proof, g.disk_gone_at, least(g.attempts, 2147483646) + 1, g.requested_at, v_now,
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

create function acontext_sessions.purge_unsettled_keys(p_before timestamptz, p_limit integer)
returns integer
language plpgsql
security invoker
volatile
set search_path = ''
as $$
declare
  v_session uuid;
  v_purged integer;
  v_count integer := 0;
begin
  -- Everybody locks a session before its keys; one that somebody holds is left for the next night.
  for v_session in
    select s.id from public.session_mappings as s
    where s.id in (
      select d.session_id from acontext_sessions.message_keys as d
      where d.message_id is null and d.counted and d.created_at < p_before
      limit p_limit
    )
    for no key update skip locked
  loop
    begin
      with purged as (
        delete from acontext_sessions.message_keys as k
        where k.session_id = v_session and k.message_id is null and k.counted and k.created_at < p_before
        returning 1
      ),
      uncounted as (
        update public.session_mappings as s
        set message_count = greatest(0, s.message_count - (select count(*) from purged)::integer)
        where s.id = v_session
      )
      select count(*)::integer into v_purged from purged;
      v_count := v_count + v_purged;
    exception when others then
      -- A trigger or a check of the app keeps its row as it is. The others go on.
      raise warning 'acontext_sessions: purge_failed: session %: % (%)', v_session, sqlerrm, sqlstate;
      if not acontext_sessions.passes_by_itself(sqlstate) then
        perform acontext_sessions.put_aside(v_session, 'purge', sqlstate);
      end if;
    end;
  end loop;
  return v_count;
end;
$$;

revoke execute on function acontext_sessions.purge_unsettled_keys(timestamptz, integer) from public, anon, authenticated, service_role;
comment on function acontext_sessions.purge_unsettled_keys(timestamptz, integer) is
  'Removes the keys of messages whose fate nobody learned and takes them off their sessions'' counts: how many.';

create or replace function acontext_sessions.purge_history()
returns integer
language plpgsql
security invoker
volatile
set search_path = ''
as $$
declare
  -- More than any project of this kind deletes in a day: a purge that falls behind is no purge.
  v_limit constant integer := 1000000;
  -- Read once: asked for each row, the time would cost more than the rest.
  v_now constant timestamptz := acontext_sessions.clock();
  -- What is set aside when it is no session.
  v_history constant uuid := '00000000-0000-0000-0000-000000000000'::uuid;
  v_before timestamptz;
  v_total integer := 0;
  v_count integer;
begin
  select v_now - s.log_retention into v_before from acontext_sessions.settings as s;

  -- Each in a block of its own: what cannot be purged keeps nothing else.
  begin
    -- Not before reconcile has found what its session may have left behind: the id could be used again.
    delete from acontext_sessions.deletion_log as l where l.log_id in (
      select d.log_id from acontext_sessions.deletion_log as d
      where d.finished_at < v_before
        and d.finished_at < (select t.reconciled_until from acontext_sessions.reconcile_state as t)
      order by d.finished_at limit v_limit
    );
    get diagnostics v_count = row_count;
    v_total := v_total + v_count;
  exception when others then
    raise warning 'acontext_sessions: purge_failed: deletion_log: % (%)', sqlerrm, sqlstate;
    if not acontext_sessions.passes_by_itself(sqlstate) then
      perform acontext_sessions.put_aside(v_history, 'purge', sqlstate);
    end if;
  end;

  begin
    delete from acontext_sessions.runs as r where r.id in (
      select d.id from acontext_sessions.runs as d
      where d.requested_at < v_before order by d.requested_at limit v_limit
    );
    get diagnostics v_count = row_count;
    v_total := v_total + v_count;
    delete from acontext_sessions.calls as c
    where not exists (select 1 from acontext_sessions.runs as r where r.id = c.run_id);
  exception when others then
    raise warning 'acontext_sessions: purge_failed: runs: % (%)', sqlerrm, sqlstate;
    if not acontext_sessions.passes_by_itself(sqlstate) then
      perform acontext_sessions.put_aside(v_history, 'purge', sqlstate);
    end if;
  end;

  begin
    delete from acontext_sessions.settings_log as l where l.log_id in (
      select d.log_id from acontext_sessions.settings_log as d
      where d.changed_at < v_before order by d.changed_at limit v_limit
    );
    get diagnostics v_count = row_count;
    v_total := v_total + v_count;
  exception when others then
    raise warning 'acontext_sessions: purge_failed: settings_log: % (%)', sqlerrm, sqlstate;
    if not acontext_sessions.passes_by_itself(sqlstate) then
      perform acontext_sessions.put_aside(v_history, 'purge', sqlstate);
    end if;
  end;

  begin
    -- A client that repeats a call does so within hours.
    delete from acontext_sessions.message_keys as k where (k.session_id, k.key_hash) in (
      select d.session_id, d.key_hash from acontext_sessions.message_keys as d
      where d.created_at < v_now - interval '2 days' and (d.message_id is not null or not d.counted)
      order by d.created_at limit v_limit
    );
    get diagnostics v_count = row_count;
    v_total := v_total + v_count;
  exception when others then
    raise warning 'acontext_sessions: purge_failed: message_keys: % (%)', sqlerrm, sqlstate;
    if not acontext_sessions.passes_by_itself(sqlstate) then
      perform acontext_sessions.put_aside(v_history, 'purge', sqlstate);
    end if;
  end;

  begin
    -- Of a message whose fate nobody learned it is not known whether it is stored: it no longer counts.
    v_total := v_total + acontext_sessions.purge_unsettled_keys(v_now - interval '2 days', v_limit);
  exception when others then
    raise warning 'acontext_sessions: purge_failed: message_keys: % (%)', sqlerrm, sqlstate;
    if not acontext_sessions.passes_by_itself(sqlstate) then
      perform acontext_sessions.put_aside(v_history, 'purge', sqlstate);
    end if;
  end;

  begin
    v_total := v_total + acontext_sessions.purge_rates();
  exception when others then
    raise warning 'acontext_sessions: purge_failed: user_rates: % (%)', sqlerrm, sqlstate;
    if not acontext_sessions.passes_by_itself(sqlstate) then
      perform acontext_sessions.put_aside(v_history, 'purge', sqlstate);
    end if;
  end;

  begin
    -- Other jobs of the project may want a longer history than a week; ours do not.
    if to_regclass('cron.job_run_details') is not null then
      delete from cron.job_run_details as d where d.runid in (
        -- By command: a recreated job has a new id. A run that a crash ended has no end time.
        select r.runid
        from cron.job_run_details as r
        where r.command like 'select acontext_sessions.%'
          and coalesce(r.end_time, r.start_time) < v_now - interval '7 days'
        order by r.runid limit v_limit
      );
      get diagnostics v_count = row_count;
      v_total := v_total + v_count;
    end if;
  exception when others then
    raise warning 'acontext_sessions: purge_failed: cron.job_run_details: % (%)', sqlerrm, sqlstate;
    if not acontext_sessions.passes_by_itself(sqlstate) then
      perform acontext_sessions.put_aside(v_history, 'purge', sqlstate);
    end if;
  end;

  -- What an earlier purge could not remove and this one could.
  delete from acontext_sessions.set_aside as a where a.step = 'purge' and a.next_attempt_at <= v_now;
  return v_total;
end;
$$;

comment on function acontext_sessions.purge_history() is
  'Removes receipts, runs and logged settings past log_retention, message keys after two days and our cron history after a week, a bounded number at a time; what cannot be removed keeps nothing else. What nobody learned the fate of is taken off its session''s count. Answers how many rows it removed.';
