-- Purpose: how many sessions one user has and makes, and how fast users make and delete them, is bounded.
-- Risk: calls above the limits are refused; functions of earlier versions answer those above a rate as an unavailable database.

-- Security definer: the service role cannot read who is anonymous.
create function acontext_sessions.quota_excess(p_user_id uuid, p_makes boolean)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_limit integer;
  v_setting text;
  v_counted text;
begin
  -- By way of jsonb: older Auth servers do not know anonymous users.
  select l.setting, l.value into v_setting, v_limit
  from acontext_sessions.settings as s
  left join auth.users as u on u.id = p_user_id
  cross join lateral (values
    ('max_sessions_per_user', s.max_sessions_per_user),
    (
      'max_sessions_per_anonymous_user',
      case when (to_jsonb(u) ->> 'is_anonymous')::boolean then s.max_sessions_per_anonymous_user end
    )
  ) as l (setting, value)
  where l.value is not null
  order by l.value limit 1;
  if not found then
    return null;
  end if;
  -- Who deletes, creates and restores in turn, or all at once, must not collect more than the quota.
  perform pg_advisory_xact_lock(hashtextextended('quota:' || p_user_id::text, 0));
  v_counted := case
    when (
      select count(*)
      from (
        select 1 from public.session_mappings as s
        where s.user_id = p_user_id and s.status <> 'deleting' limit v_limit
      ) as c
    ) >= v_limit then 'sessions'
    -- These still have their messages and files. One that is restored is no longer among them.
    when p_makes and (
      select count(*)
      from (
        select 1 from public.session_mappings as s
        where s.user_id = p_user_id and s.status = 'deleting' limit v_limit
      ) as c
    ) >= v_limit then 'deleting'
  end;
  return case when v_counted is not null then jsonb_build_object(
    'outcome', 'quota_exceeded', 'limit', v_limit, 'setting', v_setting, 'counted', v_counted
  ) end;
end;
$$;

revoke execute on function acontext_sessions.quota_excess(uuid, boolean) from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.quota_excess(uuid, boolean) to service_role;

comment on function acontext_sessions.quota_excess(uuid, boolean) is
  'The outcome quota_exceeded when the user may not have another session, with the limit, the setting that it is from and what has reached it: sessions, or, where one is made, what is still being deleted. Null otherwise.';

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
  v_excess jsonb;
  v_wait_ms integer;
  v_taken_until timestamptz;
  v_deleted_owner uuid;
  v_refusal text;
begin
  v_refusal := acontext_sessions.lock_user(p_user_id);
  if v_refusal is not null then
    return jsonb_build_object('outcome', v_refusal);
  end if;
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

    v_excess := acontext_sessions.quota_excess(p_user_id, true);
    if v_excess is not null then
      return v_excess;
    end if;
    -- Also for an id that turns out to be used up.
    if v_round = 1 then
      v_wait_ms := acontext_sessions.take_rate(p_user_id, 'creation');
      if v_wait_ms > 0 then
        return jsonb_build_object('outcome', 'rate_limited', 'retryAfterMs', v_wait_ms);
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

comment on function public.acontext_begin_session(uuid, uuid, uuid, integer, jsonb, boolean, text, bigint) is
  'Writes the intent to make a session, before anything remote exists, and leases the making to one caller. Outcomes: started, resumed, existing, busy, deleting, deleted, not_found, unknown_user, banned, quota_exceeded, rate_limited.';

create or replace function public.acontext_restore_session(p_user_id uuid, p_session_id uuid)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_session public.session_mappings;
  v_excess jsonb;
  v_refusal text;
begin
  v_refusal := acontext_sessions.lock_user(p_user_id);
  if v_refusal is not null then
    return jsonb_build_object('outcome', v_refusal);
  end if;
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
  v_excess := acontext_sessions.quota_excess(p_user_id, false);
  if v_excess is not null then
    return v_excess;
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

comment on function public.acontext_restore_session(uuid, uuid) is
  'Takes a deletion back as long as no worker has begun it. Outcomes: restored, not_found, not_deleting, too_late, unknown_user, banned, quota_exceeded.';

create or replace function public.acontext_request_session_deletion(
  p_user_id uuid,
  p_session_id uuid,
  p_lease_id uuid,
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
  v_session public.session_mappings;
  v_entry acontext_sessions.deletion_queue;
  v_wait_ms integer;
begin
  select s.* into v_session
  from public.session_mappings as s
  where s.id = p_session_id and s.user_id = p_user_id
  for update;
  if not found then
    return jsonb_build_object('outcome', 'not_found');
  end if;

  if v_session.status <> 'deleting' then
    v_wait_ms := acontext_sessions.take_rate(p_user_id, 'deletion');
    if v_wait_ms > 0 then
      return jsonb_build_object('outcome', 'rate_limited', 'retryAfterMs', v_wait_ms);
    end if;
    update public.session_mappings as s set status = 'deleting' where s.id = p_session_id;
  end if;

  select q.* into v_entry from acontext_sessions.deletion_queue as q where q.id = p_session_id for update;
  if not found or v_entry.next_attempt_at > v_now or v_entry.slow
    or (v_entry.session_gone_at is null and v_entry.messages > p_max_messages)
    or v_session.last_write_at > v_now - acontext_sessions.write_gap()
  then
    return jsonb_build_object('outcome', 'queued');
  end if;
  perform acontext_sessions.lock_slots();
  if acontext_sessions.free_slots() < 1 then
    return jsonb_build_object('outcome', 'queued');
  end if;
  select l.* into v_entry
  from acontext_sessions.lease_deletions(array[p_session_id], p_lease_id, p_lease_seconds, true) as l;
  return jsonb_build_object('outcome', 'claimed', 'deletion', acontext_sessions.deletion_view(v_entry));
end;
$$;

comment on function public.acontext_request_session_deletion(uuid, uuid, uuid, integer, integer) is
  'Hides a session from its owner, queues its remote resources and, when they are due at once, nobody works on them, there are no more than p_max_messages and a slot is free, leases them to the caller. Outcomes: claimed, queued, not_found, rate_limited, which changes nothing.';
