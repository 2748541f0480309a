-- Purpose: a deletion that was tried as often as an integer can say is settled like any other.
-- Risk: none; one function is replaced.

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
