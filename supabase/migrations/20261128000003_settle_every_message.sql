-- Purpose: a message that is stored is a write, counted or not; a count that stays true when keys are purged.
-- Risk: a small partial index; functions are replaced.

-- Serves the number of messages that are surely stored.
create index message_keys_unsettled on acontext_sessions.message_keys (session_id) where message_id is null;

create or replace function public.acontext_begin_message(
  p_user_id uuid,
  p_session_id uuid,
  p_lease_id uuid,
  p_lease_seconds integer,
  p_key_hash text,
  p_body_hash text
)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_now timestamptz := acontext_sessions.clock();
  v_key acontext_sessions.message_keys;
  v_outcome text;
  v_used jsonb;
begin
  -- Calls with one key meet here, and a deletion waits for them.
  perform 1 from public.session_mappings as s
    where s.id = p_session_id and s.user_id = p_user_id for no key update;
  if not found then
    return jsonb_build_object('outcome', 'not_found');
  end if;

  select k.* into v_key
  from acontext_sessions.message_keys as k
  where k.session_id = p_session_id and k.key_hash = p_key_hash;
  v_outcome := case
    when not found then 'started'
    when v_key.body_hash <> p_body_hash then 'mismatch'
    when v_key.message_id is not null then 'stored'
    -- The same call again, after the connection broke under its first request.
    when v_key.lease_id = p_lease_id and v_key.attempts = 1 then 'started'
    when v_key.lease_id = p_lease_id then 'resumed'
    when v_key.leased_until > v_now then 'busy'
    else 'resumed'
  end;

  v_used := public.acontext_use_session(
    p_user_id, p_session_id, true,
    case when v_outcome in ('started', 'resumed') and v_key.counted is not true then 1 else 0 end,
    v_outcome in ('started', 'resumed')
  );
  if v_used ->> 'outcome' <> 'ok' then
    return v_used;
  end if;

  case v_outcome
    when 'stored' then
      return jsonb_build_object(
        'outcome', 'stored',
        'message', jsonb_build_object('id', v_key.message_id, 'createdAt', v_key.message_created_at)
      );
    when 'mismatch' then
      return jsonb_build_object('outcome', 'mismatch');
    when 'busy' then
      return jsonb_build_object(
        'outcome', 'busy',
        'retryAfterMs', ceil(extract(epoch from v_key.leased_until - v_now) * 1000)::bigint
      );
    else
      insert into acontext_sessions.message_keys as k (
        session_id, key_hash, body_hash, lease_id, leased_until, created_at
      )
      values (
        p_session_id, p_key_hash, p_body_hash, p_lease_id,
        v_now + make_interval(secs => p_lease_seconds), v_now
      )
      on conflict (session_id, key_hash) do update
        set lease_id = excluded.lease_id,
          leased_until = excluded.leased_until,
          attempts = k.attempts + case when k.lease_id = excluded.lease_id then 0 else 1 end,
          counted = true
      returning k.mark into v_key.mark;
  end case;
  return v_used || jsonb_build_object('outcome', v_outcome, 'mark', v_key.mark);
end;
$$;

comment on function public.acontext_begin_message(uuid, uuid, uuid, integer, text, text) is
  'Leases the storing of one message under its key, of the client or made for this one call, and counts it. Outcomes: started, resumed, stored, busy, mismatch, full, and those of acontext_use_session.';

comment on table acontext_sessions.message_keys is
  'One row per message that is or was being stored: which key it has, and which message it became. Kept for two days.';

create or replace function acontext_sessions.purge_history()
returns integer
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  -- More than any project of this kind deletes in a day: a purge that falls behind is no purge.
  v_limit constant integer := 1000000;
  -- Read once: asked for each row, the time would cost more than the rest.
  v_now constant timestamptz := acontext_sessions.clock();
  v_before timestamptz;
  v_total integer := 0;
  v_count integer;
  v_sessions uuid[];
begin
  select v_now - s.log_retention into v_before from acontext_sessions.settings as s;

  -- Not before reconcile has found what its session may have left behind: the id could be used again.
  delete from acontext_sessions.deletion_log as l where l.log_id in (
    select d.log_id from acontext_sessions.deletion_log as d
    where d.finished_at < v_before
      and d.finished_at < (select t.reconciled_until from acontext_sessions.reconcile_state as t)
    order by d.finished_at limit v_limit
  );
  get diagnostics v_count = row_count;
  v_total := v_total + v_count;

  delete from acontext_sessions.runs as r where r.id in (
    select d.id from acontext_sessions.runs as d
    where d.requested_at < v_before order by d.requested_at limit v_limit
  );
  get diagnostics v_count = row_count;
  v_total := v_total + v_count;

  delete from acontext_sessions.settings_log as l where l.log_id in (
    select d.log_id from acontext_sessions.settings_log as d
    where d.changed_at < v_before order by d.changed_at limit v_limit
  );
  get diagnostics v_count = row_count;
  v_total := v_total + v_count;

  -- A client that repeats a call does so within hours.
  delete from acontext_sessions.message_keys as k where (k.session_id, k.key_hash) in (
    select d.session_id, d.key_hash from acontext_sessions.message_keys as d
    where d.created_at < v_now - interval '2 days' and (d.message_id is not null or not d.counted)
    order by d.created_at limit v_limit
  );
  get diagnostics v_count = row_count;
  v_total := v_total + v_count;

  -- Of a message whose fate nobody learned it is not known whether it is stored: it no longer counts. Everybody locks a
  -- session before its keys; one that somebody holds is left for the next night.
  select coalesce(array_agg(f.id), '{}') into v_sessions
  from (
    select s.id from public.session_mappings as s
    where s.id in (
      select d.session_id from acontext_sessions.message_keys as d
      where d.message_id is null and d.counted and d.created_at < v_now - interval '2 days'
      limit v_limit
    )
    for no key update skip locked
  ) as f;
  with purged as (
    delete from acontext_sessions.message_keys as k
    where k.session_id = any (v_sessions) and k.message_id is null and k.counted
      and k.created_at < v_now - interval '2 days'
    returning k.session_id
  ),
  uncounted as (
    update public.session_mappings as s
    set message_count = greatest(0, s.message_count - p.messages)
    from (select u.session_id, count(*)::integer as messages from purged as u group by u.session_id) as p
    where s.id = p.session_id
  )
  select count(*)::integer into v_count from purged;
  v_total := v_total + v_count;

  -- Other jobs of the project may want a longer history than a week; ours do not.
  delete from cron.job_run_details as d where d.runid in (
    -- By command: a recreated job has a new id. A run that a crash ended has no end time.
    select r.runid
    from cron.job_run_details as r
    where r.command like 'select acontext_sessions.%'
      and coalesce(r.end_time, r.start_time) < v_now - interval '7 days'
    order by r.runid limit v_limit
  );
  get diagnostics v_count = row_count;
  return v_total + v_count;
end;
$$;

comment on function acontext_sessions.purge_history() is
  'Removes receipts, runs and logged settings past log_retention, message keys after two days and our cron history after a week, a bounded number at a time. What nobody learned the fate of is taken off its session''s count. Answers how many rows it removed.';
