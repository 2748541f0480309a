-- Purpose: deletes that Acontext can bear: so many at a time over all workers and calls, none soon after a write, none repeated
-- unseen, and the long ones apart from the others.
-- Risk: new columns with constant defaults, four small partial indexes; the retry job runs every minute instead of every five.

alter table acontext_sessions.deletion_queue
  add column messages integer,
  add column session_in_doubt boolean not null default false,
  add column disk_in_doubt boolean not null default false,
  add column slow boolean not null default false,
  add column holds_slot boolean not null default false,
  add column repeated_deletes integer not null default 0;

comment on column acontext_sessions.deletion_queue.messages is
  'Messages that the session had when it was queued; null when not known. The time that its delete takes grows with them.';
comment on column acontext_sessions.deletion_queue.session_in_doubt is
  'A delete of the session was sent whose effect is not known: the list is looked at before another is sent.';
comment on column acontext_sessions.deletion_queue.disk_in_doubt is 'As session_in_doubt, of the disk.';
comment on column acontext_sessions.deletion_queue.slow is
  'A delete did not end within its limit: only a worker with most of its life before it tries again.';
comment on column acontext_sessions.deletion_queue.holds_slot is
  'Its lease counts by itself towards max_remote_deletes; what a run claims is counted with the run.';
comment on column acontext_sessions.deletion_queue.repeated_deletes is
  'Deletes that were sent although an earlier one may have had an effect: where Acontext can count references down twice.';

-- Serves the search for one that needs long, among all that are due.
create index deletion_queue_long on acontext_sessions.deletion_queue (next_attempt_at, id) where slow or messages > 200;

create index deletion_queue_slots on acontext_sessions.deletion_queue (leased_until) where holds_slot;

alter table acontext_sessions.deletion_log
  add column messages integer,
  add column session_ms integer,
  add column repeated_deletes integer not null default 0;

comment on column acontext_sessions.deletion_log.session_ms is
  'Milliseconds that Acontext took to delete the session; null when that was not seen.';
comment on column acontext_sessions.deletion_log.repeated_deletes is
  'Deletes that were sent although an earlier one may have had an effect. Only there can content that others share have been lost.';

-- Serves the time that a message takes to be deleted.
create index deletion_log_paced on acontext_sessions.deletion_log (log_id) where messages >= 20 and session_ms is not null;

create index deletion_log_repeated on acontext_sessions.deletion_log (finished_at) where repeated_deletes > 0;

alter table acontext_sessions.runs
  add column slots integer not null default 0,
  add column probe_ms integer;

comment on column acontext_sessions.runs.slots is 'Deletes that this run may have under way at a time, while it is running.';
comment on column acontext_sessions.runs.probe_ms is
  'Milliseconds that Acontext took to answer a list when the run began; null when it did not answer.';

create function acontext_sessions.prepare_deletion()
returns trigger
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_last_write_at timestamptz;
begin
  select s.message_count, s.last_write_at into new.messages, v_last_write_at
  from public.session_mappings as s where s.id = new.id;
  if not found then
    -- An orphan may have been made a moment ago.
    v_last_write_at := new.requested_at;
  end if;
  new.next_attempt_at := greatest(new.next_attempt_at, v_last_write_at + acontext_sessions.write_gap());
  return new;
end;
$$;

revoke execute on function acontext_sessions.prepare_deletion() from public, anon, authenticated, service_role;

comment on function acontext_sessions.prepare_deletion() is
  'Trigger: notes how many messages a queued session has, and puts its deletion off until the last write is counted.';

create trigger prepare_deletion
  before insert on acontext_sessions.deletion_queue
  for each row execute function acontext_sessions.prepare_deletion();

create or replace function acontext_sessions.first_attempt_at(
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
  v_last_write_at timestamptz;
begin
  if p_reason in ('requested', 'expired') then
    select s.deletion_grace into v_grace from acontext_sessions.settings as s;
  end if;
  -- A caller that is making the remote resources right now gets the time to finish or to give up.
  select p.leased_until into v_leased_until
    from acontext_sessions.provisioning_leases as p where p.session_id = p_session_id;
  select s.last_write_at into v_last_write_at from public.session_mappings as s where s.id = p_session_id;
  return greatest(
    acontext_sessions.clock() + v_grace, v_leased_until, v_last_write_at + acontext_sessions.write_gap()
  );
end;
$$;

comment on function acontext_sessions.first_attempt_at(uuid, acontext_sessions.deletion_reason) is
  'When a deletion that is queued now becomes due: after the grace period, not while the session is being made, and not before its last write is counted.';

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

create function acontext_sessions.ms_per_message()
returns double precision
language sql
stable
security invoker
set search_path = ''
as $$
  select percentile_cont(0.75) within group (order by l.session_ms::double precision / l.messages)
  from (
    select d.session_ms, d.messages
    from acontext_sessions.deletion_log as d
    where d.messages >= 20 and d.session_ms is not null
    order by d.log_id desc limit 100
  ) as l;
$$;

revoke execute on function acontext_sessions.ms_per_message() from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.ms_per_message() to service_role;

comment on function acontext_sessions.ms_per_message() is
  'Milliseconds that a message adds to the delete of its session, by the last hundred receipts that show it; null without any.';

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

create or replace function public.acontext_request_session_deletion(
  p_user_id uuid,
  p_session_id uuid,
  p_lease_id uuid,
  p_lease_seconds integer
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

  select q.* into v_entry from acontext_sessions.deletion_queue as q where q.id = p_session_id;
  if v_entry.next_attempt_at > v_now or v_entry.slow
    or v_session.last_write_at > v_now - acontext_sessions.write_gap()
  then
    return jsonb_build_object('outcome', 'queued');
  end if;
  perform acontext_sessions.lock_slots();
  if acontext_sessions.free_slots() < 1 then
    return jsonb_build_object('outcome', 'queued');
  end if;
  update acontext_sessions.deletion_queue as q
  set session_in_doubt = q.session_in_doubt or q.lease_id is not null,
    disk_in_doubt = q.disk_in_doubt or q.lease_id is not null,
    lease_id = p_lease_id,
    leased_until = v_now + make_interval(secs => p_lease_seconds),
    holds_slot = true,
    next_attempt_at = v_now + make_interval(secs => p_lease_seconds),
    first_claimed_at = coalesce(q.first_claimed_at, v_now)
  where q.id = p_session_id and q.next_attempt_at <= v_now
  returning q.* into v_entry;
  if not found then
    return jsonb_build_object('outcome', 'queued');
  end if;
  return jsonb_build_object('outcome', 'claimed', 'deletion', acontext_sessions.deletion_view(v_entry));
end;
$$;

comment on function public.acontext_request_session_deletion(uuid, uuid, uuid, integer) is
  'Hides a session from its owner, queues its remote resources and, when they are due at once, nobody works on them and a slot is free, leases them to the caller. Outcomes: claimed, queued, not_found.';

create or replace function acontext_sessions.deletion_view(p_entry acontext_sessions.deletion_queue)
returns jsonb
language sql
stable
security invoker
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
    'messages', p_entry.messages,
    'sessionInDoubt', p_entry.session_in_doubt,
    'diskInDoubt', p_entry.disk_in_doubt
  );
$$;

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
      and coalesce(q.messages, 0) <= v_max_messages
      -- A write that was under way when the deletion was asked for. Not a join: see above.
      and coalesce((select s.last_write_at from public.session_mappings as s where s.id = q.id) <= v_written_before, true)
    order by q.next_attempt_at, q.id
    limit p_limit
    for update skip locked
  ) as d;

  with claimed as (
    update acontext_sessions.deletion_queue as q
    -- A lease that ended without a report: what its holder did is not known.
    set session_in_doubt = q.session_in_doubt or q.lease_id is not null,
      disk_in_doubt = q.disk_in_doubt or q.lease_id is not null,
      lease_id = p_lease_id,
      leased_until = v_now + make_interval(secs => p_lease_seconds),
      holds_slot = false,
      next_attempt_at = v_now + make_interval(secs => p_lease_seconds),
      first_claimed_at = coalesce(q.first_claimed_at, v_now)
    where q.id = any (v_ids)
    returning q.*
  )
  select coalesce(jsonb_agg(acontext_sessions.deletion_view(c.*::acontext_sessions.deletion_queue) order by c.id), '[]') into v_claimed
  from claimed as c;
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
  if acontext_sessions.free_slots() < 1 then
    return null;
  end if;
  select q.id into v_id
  from acontext_sessions.deletion_queue as q
  where q.next_attempt_at <= v_now
    -- Twice, the first time as the index has it.
    and (q.slow or q.messages > 200)
    and (q.slow or q.messages > p_over)
    and (coalesce(q.messages, 0) <= p_fits or q.messages > p_never)
    and coalesce((select s.last_write_at from public.session_mappings as s where s.id = q.id) <= v_written_before, true)
  order by q.next_attempt_at, q.id
  limit 1
  for update skip locked;
  if not found then
    return null;
  end if;
  update acontext_sessions.deletion_queue as q
  set session_in_doubt = q.session_in_doubt or q.lease_id is not null,
    disk_in_doubt = q.disk_in_doubt or q.lease_id is not null,
    lease_id = p_lease_id,
    leased_until = v_now + make_interval(secs => p_lease_seconds),
    holds_slot = true,
    next_attempt_at = v_now + make_interval(secs => p_lease_seconds),
    first_claimed_at = coalesce(q.first_claimed_at, v_now)
  where q.id = v_id
  returning q.* into v_entry;
  return acontext_sessions.deletion_view(v_entry);
end;
$$;

revoke execute on function public.acontext_claim_long_deletion(uuid, integer, integer, integer, integer)
  from public, anon, authenticated, service_role;
grant execute on function public.acontext_claim_long_deletion(uuid, integer, integer, integer, integer) to service_role;

comment on function public.acontext_claim_long_deletion(uuid, integer, integer, integer, integer) is
  'Leases one due deletion that needs long, with a slot of its own: one with more than p_over messages (200 at least) or that was slow, which fits (at most p_fits messages) or never will (more than p_never). Null when there is none or no slot is free.';

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
  v_done_ms integer[];
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
          -- min(30 s * 2^n, 6 h), and up to half as much again so that failures do not come back together
          case
            when r.stuck then interval '6 hours'
            else least(interval '30 seconds' * power(2, least(q.attempts, 20)), interval '6 hours')
          end
            * (1 + acontext_sessions.random() / 2),
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
    returning q.id, r."sessionMs" as session_ms, q.session_gone_at is not null and q.disk_gone_at is not null as done, r.disposition
  )
  select
    coalesce(array_agg(s.id) filter (where s.done), '{}'),
    coalesce(array_agg(s.session_ms) filter (where s.done), '{}'),
    (count(*) filter (where not s.done and s.disposition = 'retry'))::integer,
    (count(*) filter (where not s.done and s.disposition <> 'retry'))::integer
  into v_done, v_done_ms, v_failed, v_released
  from settled as s;

  if cardinality(v_done) > 0 then
    delete from public.session_mappings as s where s.id = any (v_done);
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
      g.messages, v_done_ms[array_position(v_done, g.id)], g.repeated_deletes
    from gone as g;
  end if;

  return jsonb_build_object(
    'deleted', cardinality(v_done),
    'failed', v_failed,
    'released', v_released,
    'lost', jsonb_array_length(p_settlements) - cardinality(v_done) - v_failed - v_released
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

create or replace function acontext_sessions.queue_facts()
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  with t as materialized (select acontext_sessions.clock() as now)
  select jsonb_build_object(
    'entries', acontext_sessions.capped_count(
      (select count(*) from (select 1 from acontext_sessions.deletion_queue limit 10001) as c),
      10000,
      acontext_sessions.estimated_rows('acontext_sessions.deletion_queue')
    ),
    -- No statistics tell these; an index does, in its order and with the time read once.
    'due', acontext_sessions.capped_count(
      (select count(*) from (
        select 1 from acontext_sessions.deletion_queue as q
        where q.next_attempt_at <= (select t.now from t) order by q.next_attempt_at limit 100001
      ) as c),
      100000,
      0
    ),
    'expired', acontext_sessions.capped_count(
      (select count(*) from (
        select 1 from public.session_mappings as s
        where s.status = 'active' and s.expires_at <= (select t.now from t)
        order by s.expires_at limit 100001
      ) as c),
      100000,
      0
    ),
    'stuck', acontext_sessions.capped_count(
      (select count(*) from (
        select 1 from acontext_sessions.deletion_queue as q where q.attempts >= acontext_sessions.stuck_attempts() limit 10001
      ) as c),
      10000,
      acontext_sessions.estimated_rows('acontext_sessions.deletion_queue_stuck')
    ),
    'dueForSeconds', (
      select acontext_sessions.seconds_since(q.next_attempt_at) from acontext_sessions.deletion_queue as q
      where q.next_attempt_at <= acontext_sessions.clock() order by q.next_attempt_at limit 1
    ),
    'expiredForSeconds', (
      select acontext_sessions.seconds_since(s.expires_at) from public.session_mappings as s
      where s.status = 'active' and s.expires_at <= acontext_sessions.clock() order by s.expires_at limit 1
    ),
    'oldestSeconds', (
      select acontext_sessions.seconds_since(min(o.requested_at))
      from (
        select q.requested_at from acontext_sessions.deletion_queue as q order by q.next_attempt_at limit 10000
      ) as o
    ),
    'repeatedDeletes', (
      select coalesce(sum(l.repeated_deletes), 0) from acontext_sessions.deletion_log as l
      where l.repeated_deletes > 0 and l.finished_at > acontext_sessions.clock() - interval '7 days'
    )
  );
$$;

create or replace function public.acontext_list_stuck(p_limit integer)
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  select coalesce(jsonb_agg(
    jsonb_build_object(
      'id', q.id,
      'reason', q.reason,
      'attempts', q.attempts,
      'requestedAt', q.requested_at,
      'nextAttemptAt', q.next_attempt_at,
      'lastError', q.last_error,
      'messages', q.messages,
      'repeatedDeletes', q.repeated_deletes,
      'sessionGone', q.session_gone_at is not null,
      'diskGone', q.disk_gone_at is not null,
      'acontextSessionId', q.acontext_session_id,
      'acontextDiskId', q.acontext_disk_id
    ) order by q.requested_at, q.id
  ), '[]')
  from (
    select d.* from acontext_sessions.deletion_queue as d
    where d.attempts >= acontext_sessions.stuck_attempts()
    order by d.requested_at, d.id limit least(greatest(p_limit, 0), 1000)
  ) as q;
$$;

-- What cannot be deleted at once, because it was written to a moment ago or all slots are taken, should not wait long.
alter table acontext_sessions.settings alter column retry_schedule set default '* * * * *';

update acontext_sessions.settings as s set retry_schedule = '* * * * *' where s.retry_schedule = '*/5 * * * *';

-- A new project has changed nothing.
delete from acontext_sessions.settings_log as l
where l.changed_at = acontext_sessions.clock() and not exists (select 1 from public.session_mappings);

select acontext_sessions.schedule_jobs();
