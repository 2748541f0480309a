-- Purpose: one row per worker run, and moving what is due into the queue.
-- Risk: none; new table and functions.

create type acontext_sessions.run_status as enum ('requested', 'running', 'finished');

revoke all on type acontext_sessions.run_status from public, anon, authenticated, service_role;

create type acontext_sessions.run_task as enum ('sweep', 'reconcile');
create type acontext_sessions.run_trigger as enum ('schedule', 'retry', 'chain', 'manual');

revoke all on type acontext_sessions.run_task from public, anon, authenticated, service_role;
revoke all on type acontext_sessions.run_trigger from public, anon, authenticated, service_role;

create table acontext_sessions.runs (
  id uuid primary key,
  task acontext_sessions.run_task not null,
  trigger acontext_sessions.run_trigger not null,
  status acontext_sessions.run_status not null,
  expires_sessions boolean not null default true,
  force boolean not null default false,
  expiry_allowed boolean,
  requested_at timestamptz not null default acontext_sessions.clock(),
  started_at timestamptz,
  finished_at timestamptz,
  request_id bigint,
  total integer not null default 0,
  deleted integer not null default 0,
  failed integer not null default 0,
  deferred integer not null default 0,
  expired integer not null default 0,
  stale integer not null default 0,
  errors jsonb not null default '[]',
  stop_reason text,
  constraint finished_run_has_reason check ((status = 'finished') = (stop_reason is not null)),
  constraint errors_is_array check (jsonb_typeof(errors) = 'array')
);

comment on table acontext_sessions.runs is
  'One row per cleanup run: requested by the dispatcher, running, finished. Kept for log_retention.';
comment on column acontext_sessions.runs.expires_sessions is
  'False for retry runs: they only work the queue, so that sessions expire when the schedule says.';
comment on column acontext_sessions.runs.expiry_allowed is
  'What the expiry limit said at the first step of this run.';
comment on column acontext_sessions.runs.request_id is 'The pg_net request that carried the run.';

create index runs_by_request on acontext_sessions.runs (requested_at);

create index runs_unfinished on acontext_sessions.runs (requested_at) where status <> 'finished';

revoke all on acontext_sessions.runs from public, anon, authenticated, service_role;
grant select, insert, update on acontext_sessions.runs to service_role;

create function public.acontext_start_sweep(p_run_id uuid, p_force boolean)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_now timestamptz := acontext_sessions.clock();
  v_settings acontext_sessions.settings;
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
  return jsonb_build_object(
    'outcome', 'started',
    'settings', jsonb_build_object(
      'maxPerRun', v_settings.max_per_run,
      'concurrency', v_settings.concurrency
    )
  );
end;
$$;

revoke execute on function public.acontext_start_sweep(uuid, boolean) from public, anon, authenticated, service_role;
grant execute on function public.acontext_start_sweep(uuid, boolean) to service_role;

comment on function public.acontext_start_sweep(uuid, boolean) is
  'Starts a run once, however often its request is delivered. Outcomes: started, duplicate, disabled.';

create function acontext_sessions.expiry_allowed(p_force boolean)
returns boolean
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  v_now timestamptz := acontext_sessions.clock();
  v_settings acontext_sessions.settings;
  v_due bigint;
  v_fraction numeric;
  v_enough bigint;
  v_others bigint;
begin
  if p_force then
    return true;
  end if;
  select s.* into v_settings from acontext_sessions.settings as s;
  select count(*) into v_due
  from public.session_mappings as s where s.status = 'active' and s.expires_at <= v_now;
  if v_due < v_settings.max_expiry_minimum then
    return true;
  end if;
  -- due <= fraction * (due + others), solved for others: the count stops there, so it costs as much as what is due.
  v_fraction := v_settings.max_expiry_fraction::numeric;
  v_enough := ceil(v_due * (1 - v_fraction) / v_fraction)::bigint;
  select count(*) into v_others from (
    select 1 from public.session_mappings as s
    where s.status = 'active' and s.expires_at > v_now
    -- For the planner's sake: without an order it scans the table, past all that is due.
    order by s.expires_at
    limit v_enough
  ) as o;
  if v_others < v_enough then
    select v_others + count(*) into v_others from (
      select 1 from public.session_mappings as s
      where s.status = 'active' and s.expires_at is null
      order by s.expires_at
      limit v_enough - v_others
    ) as o;
  end if;
  return v_others >= v_enough;
end;
$$;

revoke execute on function acontext_sessions.expiry_allowed(boolean) from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.expiry_allowed(boolean) to service_role;

comment on function acontext_sessions.expiry_allowed(boolean) is
  'The expiry limit: false when so large a share of all active sessions would expire that a mistake is likelier than disuse.';

create function public.acontext_queue_due_sessions(p_run_id uuid, p_limit integer)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_now timestamptz := acontext_sessions.clock();
  v_settings acontext_sessions.settings;
  v_run acontext_sessions.runs;
  v_ids uuid[];
  v_stale integer;
  v_expired integer := 0;
  v_restamped boolean;
begin
  select r.* into v_run from acontext_sessions.runs as r where r.id = p_run_id for update;
  if not found then
    raise sqlstate 'PT404' using message = 'Cannot queue due sessions: no such run';
  end if;
  -- Until it is through, old stamps tell neither the expiry limit nor this step what has expired.
  v_restamped := not v_run.expires_sessions or acontext_sessions.restamp_sessions(2000);
  -- After it, because it may have waited for a change.
  select s.* into v_settings from acontext_sessions.settings as s;

  with due as materialized (
    select s.id, s.user_id, s.acontext_session_id, s.acontext_disk_id
    from public.session_mappings as s
    -- A caller that starts creating a session updates last_activity_at, and holds the lease for less than the timeout.
    where s.status = 'provisioning'
      and s.last_activity_at <= v_now - v_settings.provisioning_timeout
    order by s.last_activity_at, s.id
    limit p_limit
    for update skip locked
  ),
  queued as (
    insert into acontext_sessions.deletion_queue (
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
      v_run.expiry_allowed := acontext_sessions.expiry_allowed(v_run.force);
      update acontext_sessions.runs as r
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
        insert into acontext_sessions.deletion_queue (
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

  update acontext_sessions.runs as r
  set expired = r.expired + v_expired, stale = r.stale + v_stale
  where r.id = p_run_id;
  return jsonb_build_object(
    'expired', v_expired,
    'stale', v_stale,
    'tooManyExpiring', v_run.expires_sessions and v_restamped and not v_run.expiry_allowed,
    'more', v_expired >= p_limit or v_stale >= p_limit or not v_restamped
  );
end;
$$;

revoke execute on function public.acontext_queue_due_sessions(uuid, integer) from public, anon, authenticated, service_role;
grant execute on function public.acontext_queue_due_sessions(uuid, integer) to service_role;

comment on function public.acontext_queue_due_sessions(uuid, integer) is
  'One bounded step of a run: moves stale and expired sessions into the deletion queue. After a change of session_ttl nothing expires before all sessions have been restamped. Raises PT404 for an unknown run.';

create function acontext_sessions.count_queued(p_limit integer)
returns integer
language sql
stable
security invoker
set search_path = ''
as $$
  select count(*)::integer from (
    select 1 from acontext_sessions.deletion_queue as q
    where q.next_attempt_at <= acontext_sessions.clock() limit p_limit
  ) as c;
$$;

revoke execute on function acontext_sessions.count_queued(integer) from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.count_queued(integer) to service_role;

comment on function acontext_sessions.count_queued(integer) is 'Deletions that are due, counted up to p_limit.';

create function acontext_sessions.count_expired(p_limit integer)
returns integer
language sql
stable
security invoker
set search_path = ''
as $$
  select count(*)::integer from (
    select 1 from public.session_mappings as s
    where s.status = 'active' and s.expires_at <= acontext_sessions.clock() limit p_limit
  ) as c;
$$;

revoke execute on function acontext_sessions.count_expired(integer) from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.count_expired(integer) to service_role;

comment on function acontext_sessions.count_expired(integer) is
  'Active sessions past their expiry, counted up to p_limit.';

create function acontext_sessions.count_stale(p_limit integer)
returns integer
language sql
stable
security invoker
set search_path = ''
as $$
  select count(*)::integer from (
    select 1
    from public.session_mappings as s
    cross join acontext_sessions.settings as t
    where s.status = 'provisioning'
      and s.last_activity_at <= acontext_sessions.clock() - t.provisioning_timeout
    limit p_limit
  ) as c;
$$;

revoke execute on function acontext_sessions.count_stale(integer) from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.count_stale(integer) to service_role;

comment on function acontext_sessions.count_stale(integer) is
  'Sessions that nobody finished making, counted up to p_limit.';

create function public.acontext_preview_sweep(p_limit integer, p_force boolean)
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  select jsonb_build_object(
    'queued', acontext_sessions.count_queued(p_limit),
    'expired', acontext_sessions.count_expired(p_limit),
    'stale', acontext_sessions.count_stale(p_limit),
    'tooManyExpiring', not acontext_sessions.expiry_allowed(p_force)
  );
$$;

revoke execute on function public.acontext_preview_sweep(integer, boolean) from public, anon, authenticated, service_role;
grant execute on function public.acontext_preview_sweep(integer, boolean) to service_role;

comment on function public.acontext_preview_sweep(integer, boolean) is
  'What a run would do now, changing nothing. Each count stops at p_limit.';
