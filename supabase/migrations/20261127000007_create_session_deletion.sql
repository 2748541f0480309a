-- Purpose: what an owner asks for (delete, restore), and how workers claim and settle what is queued.
-- Risk: none; new functions.

create function public.acontext_request_session_deletion(
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

  update acontext_sessions.deletion_queue as q
  set lease_id = p_lease_id,
    leased_until = v_now + make_interval(secs => p_lease_seconds),
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

revoke execute on function public.acontext_request_session_deletion(uuid, uuid, uuid, integer)
  from public, anon, authenticated, service_role;
grant execute on function public.acontext_request_session_deletion(uuid, uuid, uuid, integer) to service_role;

comment on function public.acontext_request_session_deletion(uuid, uuid, uuid, integer) is
  'Hides a session from its owner, queues its remote resources and, when they are due at once and nobody works on them, leases them to the caller. Outcomes: claimed, queued, not_found.';

create function public.acontext_restore_session(p_user_id uuid, p_session_id uuid)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_session public.session_mappings;
  v_limit integer;
begin
  select s.* into v_session
  from public.session_mappings as s
  where s.id = p_session_id and s.user_id = p_user_id
  for update;
  if not found then
    return jsonb_build_object('outcome', 'not_found');
  elsif v_session.status <> 'deleting' then
    return jsonb_build_object('outcome', 'not_deleting');
  end if;

  perform 1 from acontext_sessions.deletion_queue as q
    where q.id = p_session_id and q.first_claimed_at is null
      and v_session.acontext_session_id is not null and v_session.acontext_disk_id is not null
    for update;
  if not found then
    return jsonb_build_object('outcome', 'too_late');
  end if;

  -- As in acontext_begin_session: who deletes, creates and restores in turn must not collect more than the quota.
  select s.max_sessions_per_user into v_limit from acontext_sessions.settings as s;
  if v_limit is not null then
    perform pg_advisory_xact_lock(hashtextextended('quota:' || p_user_id::text, 0));
    if (
      select count(*) from public.session_mappings as s
      where s.user_id = p_user_id and s.status <> 'deleting'
    ) >= v_limit then
      return jsonb_build_object('outcome', 'quota_exceeded', 'limit', v_limit);
    end if;
  end if;

  update public.session_mappings as s
  set status = 'active', last_activity_at = acontext_sessions.clock()
  where s.id = p_session_id
  returning s.* into v_session;
  -- Reconcile left its mark alone meanwhile, and may have called it certain for that.
  insert into acontext_sessions.uncertain_sessions as u (session_id, since)
  values (p_session_id, acontext_sessions.clock())
  on conflict (session_id) do update set since = excluded.since;
  return jsonb_build_object('outcome', 'restored', 'session', acontext_sessions.session_view(v_session));
end;
$$;

revoke execute on function public.acontext_restore_session(uuid, uuid) from public, anon, authenticated, service_role;
grant execute on function public.acontext_restore_session(uuid, uuid) to service_role;

comment on function public.acontext_restore_session(uuid, uuid) is
  'Takes a deletion back as long as no worker has begun it. Outcomes: restored, not_found, not_deleting, too_late, quota_exceeded.';

-- What is to be changed comes first, and the change names it as an array of ids. Joined to rows whose number the planner
-- cannot know (a limit that is an argument, the elements of a JSON array), it may scan the whole table for a batch: the
-- claim read the whole queue, and a step of expiry or a settlement the whole table of sessions where that is small.

create function public.acontext_claim_deletions(p_lease_id uuid, p_limit integer, p_lease_seconds integer)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_now timestamptz := acontext_sessions.clock();
  v_ids uuid[];
  v_claimed jsonb;
begin
  select coalesce(array_agg(d.id), '{}') into v_ids
  from (
    select q.id
    from acontext_sessions.deletion_queue as q
    where q.next_attempt_at <= v_now
    order by q.next_attempt_at, q.id
    limit p_limit
    for update skip locked
  ) as d;

  with claimed as (
    update acontext_sessions.deletion_queue as q
    set lease_id = p_lease_id,
      leased_until = v_now + make_interval(secs => p_lease_seconds),
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

revoke execute on function public.acontext_claim_deletions(uuid, integer, integer)
  from public, anon, authenticated, service_role;
grant execute on function public.acontext_claim_deletions(uuid, integer, integer) to service_role;

comment on function public.acontext_claim_deletions(uuid, integer, integer) is
  'Leases up to p_limit due deletions to the caller, the longest due first. An abandoned lease becomes due by itself.';

create function public.acontext_settle_deletions(p_lease_id uuid, p_settlements jsonb)
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
      as r (id uuid, session acontext_sessions.deletion_proof, disk acontext_sessions.deletion_proof, disposition text, error text, "underWay" boolean)
  ),
  settled as (
    update acontext_sessions.deletion_queue as q
    set session_gone_at = coalesce(q.session_gone_at, case when r.session is not null then v_now end),
      session_proof = coalesce(q.session_proof, r.session),
      disk_gone_at = coalesce(q.disk_gone_at, case when r.disk is not null then v_now end),
      disk_proof = coalesce(q.disk_proof, r.disk),
      lease_id = null,
      leased_until = null,
      last_error = coalesce(r.error, q.last_error),
      attempts = q.attempts + case when r.disposition = 'retry' then 1 else 0 end,
      next_attempt_at = case
        -- Wholly gone, it leaves right below: as it is, no index has to follow.
        when coalesce(q.session_proof, r.session) is not null and coalesce(q.disk_proof, r.disk) is not null
          then q.next_attempt_at
        when r.disposition = 'retry' then v_now + greatest(
          -- min(30 s * 2^n, 6 h), and up to half as much again so that failures do not come back together
          least(interval '30 seconds' * power(2, least(q.attempts, 20)), interval '6 hours')
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
      session_proof, session_gone_at, disk_proof, disk_gone_at, attempts, requested_at, finished_at
    )
    select g.id, g.origin_id, g.reason, g.user_id, g.acontext_session_id, g.acontext_disk_id,
      g.session_proof, g.session_gone_at, g.disk_proof, g.disk_gone_at, g.attempts + 1, g.requested_at, v_now
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

revoke execute on function public.acontext_settle_deletions(uuid, jsonb) from public, anon, authenticated, service_role;
grant execute on function public.acontext_settle_deletions(uuid, jsonb) to service_role;

comment on function public.acontext_settle_deletions(uuid, jsonb) is
  'Reports on a batch of leased deletions: stamps what is proven gone, removes and logs what is wholly gone, backs off what failed. Reports under a lost lease, or on what somebody else changes right now, change nothing and count as lost.';
