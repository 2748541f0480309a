-- Purpose: a message that is stored is a write, counted or not; a count that stays true when keys are purged; and whoever makes
-- a session learns whether Acontext's task agent shall read it.
-- Risk: none; functions are replaced.

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
  -- Of a message whose fate nobody learned it is not known whether it is stored: it no longer counts.
  with purged as (
    delete from acontext_sessions.message_keys as k where (k.session_id, k.key_hash) in (
      select d.session_id, d.key_hash from acontext_sessions.message_keys as d
      where d.created_at < v_now - interval '2 days' order by d.created_at limit v_limit
    )
    returning k.session_id, k.message_id is null and k.counted as unsettled
  ),
  uncounted as (
    update public.session_mappings as s
    set message_count = greatest(0, s.message_count - p.messages)
    from (
      select u.session_id, count(*)::integer as messages from purged as u where u.unsettled group by u.session_id
    ) as p
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

create or replace function public.acontext_begin_session(
  p_user_id uuid,
  p_session_id uuid,
  p_lease_id uuid,
  p_lease_seconds integer,
  p_metadata jsonb,
  p_pinned boolean,
  p_title text default null,
  p_ttl_seconds bigint default null
)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_now timestamptz := acontext_sessions.clock();
  v_lease_end timestamptz := v_now + make_interval(secs => least(p_lease_seconds, 120));
  v_session public.session_mappings;
  v_limit integer;
  v_taken_until timestamptz;
  v_deleted_owner uuid;
begin
  -- A concurrent call with the same id may insert or remove the row between our look and our insert.
  for v_round in 1..3 loop
    select s.* into v_session
    from public.session_mappings as s where s.id = p_session_id for update;

    if found then
      if v_session.user_id is distinct from p_user_id then
        return jsonb_build_object('outcome', 'not_found');
      elsif v_session.status = 'active' then
        return jsonb_build_object('outcome', 'existing', 'session', acontext_sessions.session_view(v_session));
      elsif v_session.status = 'deleting' then
        return jsonb_build_object('outcome', 'deleting');
      end if;
      -- The row lock above makes this look and the upsert below one step.
      select p.leased_until into v_taken_until
      from acontext_sessions.provisioning_leases as p
      where p.session_id = p_session_id and p.leased_until > v_now;
      if found then
        return jsonb_build_object(
          'outcome', 'busy',
          'retryAfterMs', ceil(extract(epoch from v_taken_until - v_now) * 1000)::bigint
        );
      end if;
      insert into acontext_sessions.provisioning_leases as p (session_id, lease_id, leased_until)
      values (p_session_id, p_lease_id, v_lease_end)
      on conflict (session_id) do update
        set lease_id = excluded.lease_id, leased_until = excluded.leased_until;
      -- What an earlier caller requested from Acontext may still be created.
      insert into acontext_sessions.uncertain_sessions as u (session_id, since)
      values (p_session_id, v_now)
      on conflict (session_id) do update set since = excluded.since;
      -- A sweep that is about to call the session stale looks once more at the row, but not at the lease.
      update public.session_mappings as s
      set last_activity_at = v_now
      where s.id = p_session_id
      returning s.* into v_session;
      return jsonb_build_object(
        'outcome', 'resumed',
        'session', acontext_sessions.session_view(v_session),
        'disableTaskTracking', (select t.disable_task_tracking from acontext_sessions.settings as t)
      );
    end if;

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

    begin
      insert into public.session_mappings as s (
        id, user_id, title, metadata, ttl, pinned, created_at, updated_at, last_activity_at
      )
      values (
        p_session_id, p_user_id, p_title, p_metadata, make_interval(secs => p_ttl_seconds), p_pinned,
        v_now, v_now, v_now
      )
      on conflict (id) do nothing
      returning s.* into v_session;
      -- A late answer to an earlier delete could still hit a new session of the same id, so no id lives twice. Looked at
      -- after the insert, because before it a whole life could pass between the look and the insert.
      select d.user_id into v_deleted_owner
      from (
        select l.user_id, l.log_id from acontext_sessions.deletion_log as l where l.origin_id = p_session_id
        union all
        -- What an earlier life left behind is found by the same mark, and about to be deleted.
        select q.user_id, null from acontext_sessions.deletion_queue as q where q.origin_id = p_session_id
      ) as d
      order by d.user_id is null, d.log_id
      limit 1;
      if found then
        raise sqlstate 'PT410';
      end if;
    exception
      when foreign_key_violation then
        return jsonb_build_object('outcome', 'unknown_user');
      when sqlstate 'PT410' then
        return jsonb_build_object(
          'outcome',
          case when v_deleted_owner = p_user_id then 'deleted' else 'not_found' end
        );
    end;
    if v_session.id is not null then
      insert into acontext_sessions.provisioning_leases (session_id, lease_id, leased_until)
      values (p_session_id, p_lease_id, v_lease_end);
      return jsonb_build_object(
        'outcome', 'started',
        'session', acontext_sessions.session_view(v_session),
        'disableTaskTracking', (select t.disable_task_tracking from acontext_sessions.settings as t)
      );
    end if;
  end loop;
  return jsonb_build_object('outcome', 'busy', 'retryAfterMs', 1000);
end;
$$;
