-- Purpose: users who are deleted or refused create, use and restore nothing, whatever their token says.
-- Risk: none; functions are replaced.

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
  'Writes the intent to make a session, before anything remote exists, and leases the making to one caller. Outcomes: started, resumed, existing, busy, deleting, deleted, not_found, unknown_user, banned, quota_exceeded.';

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
  v_user_id uuid;
  v_user_is_gone boolean;
begin
  perform acontext_sessions.lock_remote_ids(
    array[p_acontext_session_id, p_acontext_disk_id] || p_surplus_session_ids || p_surplus_disk_ids
  );
  -- Whoever deletes a user locks the user before the sessions.
  select s.user_id into v_user_id from public.session_mappings as s where s.id = p_session_id;
  v_user_is_gone := acontext_sessions.lock_user(v_user_id) is not distinct from 'unknown_user';
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

  if v_user_is_gone and v_session.user_id is not null then
    update public.session_mappings as s set user_id = null where s.id = p_session_id returning s.* into v_session;
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

create or replace function public.acontext_restore_session(p_user_id uuid, p_session_id uuid)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_session public.session_mappings;
  v_limit integer;
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

comment on function public.acontext_restore_session(uuid, uuid) is
  'Takes a deletion back as long as no worker has begun it. Outcomes: restored, not_found, not_deleting, too_late, unknown_user, banned, quota_exceeded.';

create or replace function public.acontext_use_session(
  p_user_id uuid,
  p_session_id uuid,
  p_touch boolean,
  p_new_messages integer default 0,
  p_writes boolean default false
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
  v_settings acontext_sessions.settings;
  v_granularity interval;
  v_ttl interval;
  v_touch boolean;
  v_writes boolean := p_writes or p_new_messages > 0;
  v_refusal text := acontext_sessions.user_refusal(p_user_id);
begin
  if v_refusal is not null then
    return jsonb_build_object('outcome', v_refusal);
  end if;
  select s.* into v_session
  from public.session_mappings as s
  where s.id = p_session_id and s.user_id = p_user_id;
  if not found then
    return jsonb_build_object('outcome', 'not_found');
  elsif v_session.status <> 'active' then
    return jsonb_build_object('outcome', v_session.status);
  end if;
  -- Not by expires_at: after a change of session_ttl that may be the old one for a while.
  select s.* into v_settings from acontext_sessions.settings as s;
  v_ttl := case when not v_session.pinned then coalesce(v_session.ttl, v_settings.session_ttl) end;
  if v_session.last_activity_at + v_ttl <= v_now then
    return jsonb_build_object('outcome', 'expired');
  elsif p_new_messages > 0 and v_session.message_count + p_new_messages > v_settings.max_messages_per_session then
    return jsonb_build_object('outcome', 'full', 'limit', v_settings.max_messages_per_session);
  end if;

  -- A short life is touched more often than every granularity, or it would end while the session is in use.
  v_granularity := least(v_settings.touch_granularity, v_ttl / 10);
  v_touch := p_touch and v_session.last_activity_at <= v_now - v_granularity;
  -- Most calls change nothing, or unindexed columns alone, which keeps the update within its page.
  if v_touch or v_writes then
    update public.session_mappings as s
    set last_activity_at = case when v_touch then greatest(s.last_activity_at, v_now) else s.last_activity_at end,
      last_write_at = case when v_writes then greatest(s.last_write_at, v_now) else s.last_write_at end,
      message_count = s.message_count + p_new_messages,
      -- Functions of version 0.1.0 count without a key, and keep the count when the fate of the message is not known.
      message_count_is_exact = s.message_count_is_exact and (p_new_messages = 0 or p_writes)
    where s.id = p_session_id and s.status = 'active';
    if not found then
      -- Deleted between our look and our update.
      return jsonb_build_object('outcome', 'deleting');
    end if;
  end if;
  return jsonb_build_object(
    'outcome', 'ok',
    'acontextSessionId', v_session.acontext_session_id,
    'acontextDiskId', v_session.acontext_disk_id,
    -- In one statement: what is settled between two would be taken off a count that still has it.
    'storedMessages', (
      select s.message_count - p_new_messages - (
        select count(*) from acontext_sessions.message_keys as k
        where k.session_id = p_session_id and k.message_id is null and k.counted
      )
      from public.session_mappings as s
      where s.id = p_session_id and s.message_count_is_exact
    )
  );
end;
$$;

comment on function public.acontext_use_session(uuid, uuid, boolean, integer, boolean) is
  'Checks that a session is the caller''s and alive, marks it as used (at most once per touch_granularity) or written to, and counts new messages. Answers how many messages it surely holds; null when not known. Outcomes: ok, not_found, provisioning, deleting, expired, full, unknown_user, banned.';

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
    return jsonb_build_object('outcome', coalesce(acontext_sessions.user_refusal(p_user_id), 'not_found'));
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
