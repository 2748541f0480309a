-- Purpose: a queued deletion knows how long it may take, when its last write is counted, and whether an earlier delete may have
-- had an effect: then the list is looked at before another is sent.
-- Risk: new columns with constant defaults, two small partial indexes.

alter table acontext_sessions.deletion_queue
  add column messages integer,
  add column session_ms integer,
  add column session_in_doubt boolean not null default false,
  add column disk_in_doubt boolean not null default false,
  add column slow boolean not null default false,
  add column holds_slot boolean not null default false,
  add column repeated_deletes integer not null default 0;

comment on column acontext_sessions.deletion_queue.messages is
  'Messages that the session had when it was queued; null when not known. The time that its delete takes grows with them.';
comment on column acontext_sessions.deletion_queue.session_ms is
  'Milliseconds that Acontext took to delete the session; null as long as it is there, or when that was not seen.';
comment on column acontext_sessions.deletion_queue.session_in_doubt is
  'A delete of the session was sent whose effect is not known: the list is looked at before another is sent.';
comment on column acontext_sessions.deletion_queue.disk_in_doubt is 'As session_in_doubt, of the disk.';
comment on column acontext_sessions.deletion_queue.slow is
  'A delete did not end within its limit: only a worker with most of its life before it tries again.';
comment on column acontext_sessions.deletion_queue.holds_slot is
  'Its lease counts by itself towards max_remote_deletes; what a run claims is counted with the run.';
comment on column acontext_sessions.deletion_queue.repeated_deletes is
  'Deletes that were sent although an earlier one may have had an effect: where Acontext can count references down twice.';

comment on column acontext_sessions.deletion_queue.attempts is
  'Attempts that failed. At once as many as make it stuck when no worker lives long enough for it.';

-- Version 0.1.0 gave deletes up after ten seconds and kept no note of it.
update acontext_sessions.deletion_queue as q
set messages = (select s.message_count from public.session_mappings as s where s.id = q.id),
  session_in_doubt = q.first_claimed_at is not null and q.session_gone_at is null,
  disk_in_doubt = q.first_claimed_at is not null and q.disk_gone_at is null
where true;

-- Serves the search for one that needs long, among all that are due.
create index deletion_queue_long on acontext_sessions.deletion_queue (next_attempt_at, id) where slow or messages > 200;

create index deletion_queue_slots on acontext_sessions.deletion_queue (leased_until) where holds_slot;

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
    returning q.id, q.session_gone_at is not null and q.disk_gone_at is not null as done, r.disposition
  )
  select
    coalesce(array_agg(s.id) filter (where s.done), '{}'),
    (count(*) filter (where not s.done and s.disposition = 'retry'))::integer,
    (count(*) filter (where not s.done and s.disposition <> 'retry'))::integer
  into v_done, v_failed, v_released
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
      g.messages, g.session_ms, g.repeated_deletes
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

create or replace function public.acontext_activate_session(
  p_session_id uuid,
  p_lease_id uuid,
  p_acontext_session_id uuid,
  p_acontext_disk_id uuid,
  p_surplus_session_ids uuid[],
  p_surplus_disk_ids uuid[],
  p_uncertain boolean
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
begin
  perform acontext_sessions.lock_remote_ids(
    array[p_acontext_session_id, p_acontext_disk_id] || p_surplus_session_ids || p_surplus_disk_ids
  );
  select s.* into v_session
  from public.session_mappings as s where s.id = p_session_id for update;

  if not found then
    -- Deleted and proven gone before these resources were created: nothing owns them.
    perform acontext_sessions.queue_orphans(
      p_session_id,
      p_surplus_session_ids || p_acontext_session_id,
      p_surplus_disk_ids || p_acontext_disk_id,
      null
    );
    return jsonb_build_object('outcome', 'deleting');
  end if;

  if v_session.status = 'deleting' then
    delete from acontext_sessions.provisioning_leases as p
    where p.session_id = p_session_id and p.lease_id = p_lease_id;
    -- Name the resources in the queue. A worker that looked before they existed must not settle, so it loses its lease, which
    -- is nobody's until it ends: that worker may be deleting, and what it did by then is not known.
    update acontext_sessions.deletion_queue as q
    set acontext_session_id = coalesce(q.acontext_session_id, p_acontext_session_id),
      acontext_disk_id = coalesce(q.acontext_disk_id, p_acontext_disk_id),
      session_gone_at = case when q.acontext_session_id is null then null else q.session_gone_at end,
      session_proof = case when q.acontext_session_id is null then null else q.session_proof end,
      disk_gone_at = case when q.acontext_disk_id is null then null else q.disk_gone_at end,
      disk_proof = case when q.acontext_disk_id is null then null else q.disk_proof end,
      lease_id = case when q.lease_id is not null then '00000000-0000-0000-0000-000000000000'::uuid end,
      next_attempt_at = case
        -- Not before another caller that is making the session too has finished or given up.
        when q.first_claimed_at is null then acontext_sessions.first_attempt_at(p_session_id, 'stale')
        else greatest(q.next_attempt_at, v_now + interval '1 minute')
      end
    where q.id = p_session_id
      and (q.acontext_session_id is null or q.acontext_disk_id is null);
    perform acontext_sessions.queue_orphans(
      p_session_id,
      p_surplus_session_ids || p_acontext_session_id,
      p_surplus_disk_ids || p_acontext_disk_id,
      v_session.user_id
    );
    return jsonb_build_object('outcome', 'deleting');
  end if;

  if v_session.status = 'active' then
    -- Another caller was faster. What it did not bind is ours to give up.
    perform acontext_sessions.queue_orphans(
      p_session_id,
      p_surplus_session_ids || p_acontext_session_id,
      p_surplus_disk_ids || p_acontext_disk_id,
      v_session.user_id
    );
    return jsonb_build_object('outcome', 'active', 'session', acontext_sessions.session_view(v_session));
  end if;

  perform 1 from acontext_sessions.provisioning_leases as p
    where p.session_id = p_session_id and p.lease_id = p_lease_id;
  if not found then
    -- The caller that holds the lease now finds these resources by their mark, or has looked too early.
    insert into acontext_sessions.uncertain_sessions as u (session_id, since)
    values (p_session_id, v_now)
    on conflict (session_id) do update set since = excluded.since;
    return jsonb_build_object('outcome', 'lease_lost');
  end if;

  if exists (
    select 1 from public.session_mappings as s
    where s.acontext_session_id = p_acontext_session_id or s.acontext_disk_id = p_acontext_disk_id
  ) or exists (
    select 1 from acontext_sessions.deletion_queue as q
    where q.acontext_session_id = p_acontext_session_id or q.acontext_disk_id = p_acontext_disk_id
  ) then
    return jsonb_build_object('outcome', 'taken');
  end if;

  update public.session_mappings as s
  set status = 'active',
    acontext_session_id = p_acontext_session_id,
    acontext_disk_id = p_acontext_disk_id,
    last_activity_at = v_now
  where s.id = p_session_id
  returning s.* into v_session;
  delete from acontext_sessions.provisioning_leases as p where p.session_id = p_session_id;
  if p_uncertain then
    insert into acontext_sessions.uncertain_sessions as u (session_id, since)
    values (p_session_id, v_now)
    on conflict (session_id) do update set since = excluded.since;
  end if;
  perform acontext_sessions.queue_orphans(
    p_session_id, p_surplus_session_ids, p_surplus_disk_ids, v_session.user_id
  );
  return jsonb_build_object('outcome', 'active', 'session', acontext_sessions.session_view(v_session));
end;
$$;
