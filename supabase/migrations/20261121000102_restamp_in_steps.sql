-- Purpose: a change of session_ttl takes a short time at any number of sessions.
-- Risk: with more than 2,000 sessions, expires_at follows a new session_ttl in steps: with every retry job, and before a run
--   expires anything. Meanwhile no session expires by the old one, and none is used beyond the new one.

create table private.restamp_state (
  only_row boolean primary key default true,
  after_id uuid,
  constraint restamp_state_has_one_row check (only_row)
);

comment on table private.restamp_state is
  'How far sessions have the expires_at that follows from the present session_ttl: exactly one row.';
comment on column private.restamp_state.after_id is
  'Sessions up to this id have it; null: all. Ids are in no order of time, so what is made meanwhile may lie on either side; it is stamped as it is made.';

insert into private.restamp_state default values;

grant select, update on private.restamp_state to service_role;

create function private.restamp_sessions(p_limit integer)
returns boolean
language plpgsql
volatile
security invoker
set search_path = ''
-- Below deadlock_timeout: it holds many sessions and waits for more, so of two that wait for each other it gives way.
set lock_timeout = '500ms'
as $$
declare
  v_after uuid;
  v_ids uuid[];
begin
  -- Mostly there is nothing to do, and nobody has to wait to learn it.
  if (select t.after_id is null from private.restamp_state as t) then
    return true;
  end if;
  select t.after_id into v_after from private.restamp_state as t for update;
  if v_after is null then
    return true;
  end if;

  select coalesce(array_agg(n.id order by n.id), '{}') into v_ids
  from (
    select s.id from public.session_mappings as s where s.id > v_after order by s.id limit p_limit
  ) as n;
  update public.session_mappings as s
  set expires_at = s.last_activity_at + t.session_ttl
  from private.settings as t
  where s.id = any (v_ids) and s.ttl is null and not s.pinned and s.status <> 'deleting'
    and s.expires_at is distinct from s.last_activity_at + t.session_ttl;

  v_after := case when cardinality(v_ids) = p_limit then v_ids[p_limit] end;
  update private.restamp_state as t set after_id = v_after;
  return v_after is null;
exception
  when lock_not_available or deadlock_detected then
    return false;
end;
$$;

revoke execute on function private.restamp_sessions(integer) from public, anon, authenticated;
grant execute on function private.restamp_sessions(integer) to service_role;

comment on function private.restamp_sessions(integer) is
  'One bounded step after a change of session_ttl: gives the next p_limit sessions the expires_at that follows from it, or none when others hold one of them. True when all have it.';

create or replace function private.apply_settings(p_changes jsonb)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_unknown text;
  v_old private.settings;
  v_new private.settings;
begin
  if p_changes is null or jsonb_typeof(p_changes) <> 'object' then
    raise sqlstate 'PT400' using message = 'Cannot change settings: not a JSON object';
  end if;
  select s.* into v_old from private.settings as s for update;

  select k into v_unknown
  from jsonb_object_keys(p_changes) as k
  where k in ('only_row', 'updated_at') or not to_jsonb(v_old) ? k
  order by k limit 1;
  if found then
    raise sqlstate 'PT400' using
      message = format('Cannot change settings: unknown setting %I', v_unknown);
  end if;

  begin
    v_new := jsonb_populate_record(v_old, p_changes);
    update private.settings as s
    set cleanup_enabled = v_new.cleanup_enabled,
      cleanup_schedule = v_new.cleanup_schedule,
      retry_schedule = v_new.retry_schedule,
      reconcile_schedule = v_new.reconcile_schedule,
      session_ttl = v_new.session_ttl,
      provisioning_timeout = v_new.provisioning_timeout,
      deletion_grace = v_new.deletion_grace,
      orphan_grace = v_new.orphan_grace,
      touch_granularity = v_new.touch_granularity,
      max_sessions_per_user = v_new.max_sessions_per_user,
      max_workers = v_new.max_workers,
      max_per_run = v_new.max_per_run,
      concurrency = v_new.concurrency,
      breaker_fraction = v_new.breaker_fraction,
      breaker_minimum = v_new.breaker_minimum,
      log_retention = v_new.log_retention,
      updated_at = private.clock()
    where s.only_row
    returning s.* into v_new;
    perform private.schedule_jobs();
  exception when others then
    raise sqlstate 'PT400' using message = 'Cannot change settings: ' || sqlerrm;
  end;

  if v_new.session_ttl is distinct from v_old.session_ttl then
    -- What the breaker allowed before it knew of the change does not hold any more.
    update private.cleanup_runs as r set expiry_allowed = null where r.status <> 'finished';
    update private.restamp_state as t set after_id = '00000000-0000-0000-0000-000000000000';
    perform private.restamp_sessions(2000);
  end if;
  return to_jsonb(v_new) - 'only_row';
end;
$$;

create or replace function public.use_session(
  p_user_id uuid,
  p_session_id uuid,
  p_touch boolean,
  p_new_messages integer default 0
)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_now timestamptz := private.clock();
  v_session public.session_mappings;
  v_granularity interval;
  v_ttl interval;
  v_touch boolean;
begin
  select s.* into v_session
  from public.session_mappings as s
  where s.id = p_session_id and s.user_id = p_user_id;
  if not found then
    return jsonb_build_object('outcome', 'not_found');
  elsif v_session.status <> 'active' then
    return jsonb_build_object('outcome', v_session.status);
  end if;
  -- Not by expires_at: after a change of session_ttl that may be the old one for a while.
  select s.touch_granularity, case when not v_session.pinned then coalesce(v_session.ttl, s.session_ttl) end
  into v_granularity, v_ttl
  from private.settings as s;
  if v_session.last_activity_at + v_ttl <= v_now then
    return jsonb_build_object('outcome', 'expired');
  end if;

  -- A short life is touched more often than every granularity, or it would end while the session is in use.
  v_granularity := least(v_granularity, v_ttl / 10);
  v_touch := p_touch and v_session.last_activity_at <= v_now - v_granularity;
  -- Most calls change nothing, or the unindexed count alone, which keeps the update within its page.
  if v_touch then
    update public.session_mappings as s
    set last_activity_at = greatest(s.last_activity_at, v_now), message_count = s.message_count + p_new_messages
    where s.id = p_session_id and s.status = 'active';
  elsif p_new_messages > 0 then
    update public.session_mappings as s
    set message_count = s.message_count + p_new_messages
    where s.id = p_session_id and s.status = 'active';
  end if;
  if (v_touch or p_new_messages > 0) and not found then
    -- Deleted between our look and our update.
    return jsonb_build_object('outcome', 'deleting');
  end if;
  return jsonb_build_object(
    'outcome', 'ok',
    'acontextSessionId', v_session.acontext_session_id,
    'acontextDiskId', v_session.acontext_disk_id
  );
end;
$$;

create or replace function public.queue_due_sessions(p_run_id uuid, p_limit integer)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_now timestamptz := private.clock();
  v_settings private.settings;
  v_run private.cleanup_runs;
  v_ids uuid[];
  v_stale integer;
  v_expired integer := 0;
  v_restamped boolean;
begin
  select r.* into v_run from private.cleanup_runs as r where r.id = p_run_id for update;
  if not found then
    raise sqlstate 'PT404' using message = 'Cannot queue due sessions: no such run';
  end if;
  -- Until it is through, old stamps tell neither the breaker nor this step what has expired.
  v_restamped := not v_run.expires_sessions or private.restamp_sessions(2000);
  -- After it, because it may have waited for a change.
  select s.* into v_settings from private.settings as s;

  with due as materialized (
    select s.id, s.user_id, s.acontext_session_id, s.acontext_disk_id
    from public.session_mappings as s
    -- Whoever begins to make a session moves last_activity_at, and holds the lease for less than the timeout.
    where s.status = 'provisioning'
      and s.last_activity_at <= v_now - v_settings.provisioning_timeout
    order by s.last_activity_at, s.id
    limit p_limit
    for update skip locked
  ),
  queued as (
    insert into private.deletion_queue (
      id, origin_id, reason, user_id, acontext_session_id, acontext_disk_id, requested_at, next_attempt_at
    )
    select d.id, d.id, 'stale', d.user_id, d.acontext_session_id, d.acontext_disk_id, v_now, v_now
    from due as d
    on conflict (id) do nothing
  )
  select coalesce(array_agg(d.id), '{}') into v_ids from due as d;
  update public.session_mappings as s set status = 'deleting' where s.id = any (v_ids);
  get diagnostics v_stale = row_count;

  if v_run.expires_sessions and v_restamped then
    if v_run.expiry_allowed is null then
      v_run.expiry_allowed := private.expiry_allowed(v_run.force);
      update private.cleanup_runs as r
      set expiry_allowed = v_run.expiry_allowed where r.id = p_run_id;
    end if;
    if v_run.expiry_allowed then
      with due as materialized (
        select s.id, s.user_id, s.acontext_session_id, s.acontext_disk_id
        from public.session_mappings as s
        where s.status = 'active' and s.expires_at <= v_now
          -- What a caller stamped while session_ttl changed must not expire by the old one.
          and (s.ttl is not null or s.last_activity_at + v_settings.session_ttl <= v_now)
        order by s.expires_at, s.id
        limit p_limit
        for update skip locked
      ),
      queued as (
        insert into private.deletion_queue (
          id, origin_id, reason, user_id, acontext_session_id, acontext_disk_id, requested_at, next_attempt_at
        )
        select d.id, d.id, 'expired', d.user_id, d.acontext_session_id, d.acontext_disk_id,
          v_now, v_now + v_settings.deletion_grace
        from due as d
        on conflict (id) do nothing
      )
      select coalesce(array_agg(d.id), '{}') into v_ids from due as d;
      update public.session_mappings as s set status = 'deleting' where s.id = any (v_ids);
      get diagnostics v_expired = row_count;
    end if;
  end if;

  update private.cleanup_runs as r
  set expired = r.expired + v_expired, stale = r.stale + v_stale
  where r.id = p_run_id;
  return jsonb_build_object(
    'expired', v_expired,
    'stale', v_stale,
    'breaker', v_run.expires_sessions and v_restamped and not v_run.expiry_allowed,
    'more', v_expired >= p_limit or v_stale >= p_limit or not v_restamped
  );
end;
$$;

create or replace function private.count_due(p_expires_sessions boolean, p_force boolean, p_limit integer)
returns integer
language sql
stable
security invoker
set search_path = ''
as $$
  select least(
    p_limit,
    private.count_queued(p_limit)
      + private.count_stale(p_limit)
      + case
          when not p_expires_sessions then 0
          -- How many are due is not known before all have their new expiry; that is work for a run, too.
          when (select t.after_id is not null from private.restamp_state as t) then 1
          when private.expiry_allowed(p_force) then private.count_expired(p_limit)
          else 0
        end
  );
$$;

create or replace function private.dispatch_cleanup(
  p_trigger private.run_trigger,
  p_expires_sessions boolean,
  p_force boolean
)
returns integer
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := private.clock();
  v_settings private.settings;
  v_expires_sessions boolean;
  v_due integer;
  v_busy integer;
  v_wanted integer;
begin
  -- A new session_ttl reaches all sessions soon, not only when the next run expires some.
  if p_trigger = 'retry' then
    perform private.restamp_sessions(2000);
  end if;
  select s.* into v_settings from private.settings as s;
  if not v_settings.cleanup_enabled then
    return 0;
  end if;

  -- A wrong key, a missing function or an unreachable address: the call is over and nobody works. Were it none of these and
  -- only slow, the worker finds its run finished and leaves the work to the next.
  update private.cleanup_runs as r
  set status = 'finished',
    finished_at = v_now,
    stop_reason = 'not_delivered',
    errors = jsonb_build_array(jsonb_build_object(
      'id', r.id,
      'error', coalesce('http_' || a.status_code, case when a.timed_out then 'timeout' else 'unreachable' end)
    ))
  from net._http_response as a
  where r.status = 'requested' and a.id = r.request_id
    and (a.status_code is null or a.status_code not between 200 and 299);

  v_expires_sessions := p_expires_sessions
    or (p_trigger = 'retry' and private.expiry_is_unfinished());
  v_due := private.count_due(
    v_expires_sessions, p_force, v_settings.max_workers * v_settings.max_per_run
  );
  -- A tripped breaker hides what would expire; a run has to say so.
  if v_due = 0 and not (v_expires_sessions and not private.expiry_allowed(p_force)) then
    return 0;
  end if;

  -- One dispatcher decides at a time. A run that has not reported for this long is not coming back.
  perform pg_advisory_xact_lock(hashtextextended('dispatch_cleanup', 0));
  select count(*)::integer into v_busy
  from private.cleanup_runs as r
  where r.status <> 'finished' and r.trigger <> 'reconcile'
    and coalesce(r.started_at, r.requested_at) > v_now - interval '7 minutes';
  v_wanted := least(
    v_settings.max_workers,
    greatest(1, ceil(v_due::numeric / v_settings.max_per_run)::integer)
  ) - v_busy;
  if v_wanted <= 0 then
    return 0;
  end if;

  for v_worker in 1..v_wanted loop
    if not private.call_worker(
      p_trigger, v_expires_sessions, p_force, '{"background": true}'
    ) then
      return 0;
    end if;
  end loop;
  return v_wanted;
end;
$$;

comment on function private.apply_settings(jsonb) is
  'Validates and stores settings, reschedules the cron jobs and begins to restamp what expires. See public.configure_cleanup.';
comment on function public.queue_due_sessions(uuid, integer) is
  'One bounded step of a run: moves stale and expired sessions into the deletion queue. After a change of session_ttl nothing expires before all sessions have been restamped. Raises PT404 for an unknown run.';
