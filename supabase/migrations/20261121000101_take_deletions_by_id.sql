-- Purpose: expiring, leasing and settling cost the same at any size of the queue and of the table.
-- Risk: none; the same functions with the same answers.

-- What is to be changed comes first, and the change names it as an array of ids. Joined to rows whose number the planner
-- cannot know (a limit that is an argument, the elements of a JSON array), it may scan the whole table for a batch: the
-- claim read the whole queue, and a step of expiry or a settlement the whole table of sessions where that is small.

create or replace function public.claim_deletions(p_lease_id uuid, p_limit integer, p_lease_seconds integer)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_now timestamptz := private.clock();
  v_ids uuid[];
  v_claimed jsonb;
begin
  select coalesce(array_agg(d.id), '{}') into v_ids
  from (
    select q.id
    from private.deletion_queue as q
    where q.next_attempt_at <= v_now
    order by q.next_attempt_at, q.id
    limit p_limit
    for update skip locked
  ) as d;

  with claimed as (
    update private.deletion_queue as q
    set lease_id = p_lease_id,
      leased_until = v_now + make_interval(secs => p_lease_seconds),
      next_attempt_at = v_now + make_interval(secs => p_lease_seconds),
      first_claimed_at = coalesce(q.first_claimed_at, v_now)
    where q.id = any (v_ids)
    returning q.*
  )
  select coalesce(jsonb_agg(private.deletion_view(c.*::private.deletion_queue) order by c.id), '[]') into v_claimed
  from claimed as c;
  return v_claimed;
end;
$$;

create or replace function public.settle_deletions(p_lease_id uuid, p_settlements jsonb)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_now timestamptz := private.clock();
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
      as r (id uuid, session private.deletion_proof, disk private.deletion_proof, otherwise text, error text, "underWay" boolean)
  ),
  settled as (
    update private.deletion_queue as q
    set session_gone_at = coalesce(q.session_gone_at, case when r.session is not null then v_now end),
      session_proof = coalesce(q.session_proof, r.session),
      disk_gone_at = coalesce(q.disk_gone_at, case when r.disk is not null then v_now end),
      disk_proof = coalesce(q.disk_proof, r.disk),
      lease_id = null,
      leased_until = null,
      last_error = coalesce(r.error, q.last_error),
      attempts = q.attempts + case when r.otherwise = 'failed' then 1 else 0 end,
      next_attempt_at = case
        -- Wholly gone, it leaves right below: as it is, no index has to follow.
        when coalesce(q.session_proof, r.session) is not null and coalesce(q.disk_proof, r.disk) is not null
          then q.next_attempt_at
        when r.otherwise = 'failed' then v_now + greatest(
          -- min(30 s * 2^n, 6 h), and up to half as much again so that failures do not come back together
          least(interval '30 seconds' * power(2, least(q.attempts, 20)), interval '6 hours')
            * (1 + private.jitter() / 2),
          -- A request may still be under way in Acontext: two deletes of one id must not overlap
          case when r."underWay" then interval '1 minute' end
        )
        when r.otherwise = 'deferred' then v_now + interval '1 minute'
        else v_now
      end
    from reported as r
    where q.id = r.id and q.lease_id = p_lease_id
      and (
        q.id = any (v_free)
        or not exists (select 1 from public.session_mappings as s where s.id = q.id)
      )
    returning q.id, q.session_gone_at is not null and q.disk_gone_at is not null as done, r.otherwise
  )
  select
    coalesce(array_agg(s.id) filter (where s.done), '{}'),
    (count(*) filter (where not s.done and s.otherwise = 'failed'))::integer,
    (count(*) filter (where not s.done and s.otherwise <> 'failed'))::integer
  into v_done, v_failed, v_released
  from settled as s;

  if cardinality(v_done) > 0 then
    delete from public.session_mappings as s where s.id = any (v_done);
    with gone as (
      delete from private.deletion_queue as q where q.id = any (v_done) returning q.*
    )
    insert into private.deletion_log (
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
