-- Purpose: no value of a column, of a clock that was wrong for a while above all, makes a fact or a limit wrong or unreadable.
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
