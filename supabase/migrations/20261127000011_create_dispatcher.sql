-- Purpose: ending a run, and calling the cleanup function through pg_net when, and only when, something is due.
-- Risk: reads two Vault secrets, acontext_sessions_project_url and acontext_sessions_secret_key; without them nothing is called and a run says so.

create function acontext_sessions.count_due(p_expires_sessions boolean, p_force boolean, p_limit integer)
returns integer
language sql
stable
security invoker
set search_path = ''
as $$
  select least(
    p_limit,
    acontext_sessions.count_queued(p_limit)
      + acontext_sessions.count_stale(p_limit)
      + case
          when not p_expires_sessions then 0
          -- How many are due is not known before all have their new expiry; that is work for a run, too.
          when (select t.after_id is not null from acontext_sessions.restamp_state as t) then 1
          when acontext_sessions.expiry_allowed(p_force) then acontext_sessions.count_expired(p_limit)
          else 0
        end
  );
$$;

revoke execute on function acontext_sessions.count_due(boolean, boolean, integer)
  from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.count_due(boolean, boolean, integer) to service_role;

comment on function acontext_sessions.count_due(boolean, boolean, integer) is
  'How much a run would find to do now, counted up to p_limit.';

create function acontext_sessions.usable_project_url(p_value text)
returns text
language sql
immutable
security invoker
set search_path = ''
as $$
  select substring(rtrim(btrim(p_value, E' \t\r\n'), '/') from '^https?://[^/?#@[:space:]]+(?:/[^?#[:space:]]*)?$');
$$;

revoke execute on function acontext_sessions.usable_project_url(text) from public, anon, authenticated, service_role;

comment on function acontext_sessions.usable_project_url(text) is
  'The URL without the blanks around it and slashes at its end; null when pg_net would refuse it.';

create function acontext_sessions.usable_secret_key(p_value text)
returns text
language sql
immutable
security invoker
set search_path = ''
as $$
  -- A line break within would end the header. "env(NAME)" is what config.toml has, for a variable that was not set.
  select substring(btrim(p_value, E' \t\r\n') from '^(?!env\()[!-~]+$');
$$;

revoke execute on function acontext_sessions.usable_secret_key(text) from public, anon, authenticated, service_role;

comment on function acontext_sessions.usable_secret_key(text) is
  'The key without the blanks around it; null when it cannot stand in a header.';

create function acontext_sessions.worker_secrets(
  out project_url text,
  out secret_key text,
  out unusable text[]
)
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  v_url text;
  v_key text;
begin
  select d.decrypted_secret into v_url from vault.decrypted_secrets as d where d.name = 'acontext_sessions_project_url';
  select d.decrypted_secret into v_key
  from vault.decrypted_secrets as d where d.name = 'acontext_sessions_secret_key';
  project_url := acontext_sessions.usable_project_url(v_url);
  secret_key := acontext_sessions.usable_secret_key(v_key);
  unusable := array_remove(array[
    case when v_url is not null and project_url is null then 'acontext_sessions_project_url' end,
    case when v_key is not null and secret_key is null then 'acontext_sessions_secret_key' end
  ], null);
end;
$$;

revoke execute on function acontext_sessions.worker_secrets() from public, anon, authenticated, service_role;

comment on function acontext_sessions.worker_secrets() is
  'Where and with which key cleanup-sessions is called, from Vault. Each is null when it is missing or unusable; unusable names the latter.';

-- Security definer: only its owner may read Vault.
create function acontext_sessions.call_worker(
  p_task acontext_sessions.run_task,
  p_trigger acontext_sessions.run_trigger,
  p_expires_sessions boolean,
  p_force boolean
)
returns boolean
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := acontext_sessions.clock();
  v_run_id uuid := gen_random_uuid();
  v_url text;
  v_key text;
begin
  select w.project_url, w.secret_key into v_url, v_key from acontext_sessions.worker_secrets() as w;
  if v_url is null or v_key is null then
    insert into acontext_sessions.runs (
      id, task, trigger, status, expires_sessions, force, requested_at, finished_at, stop_reason
    )
    select v_run_id, p_task, p_trigger, 'finished', p_expires_sessions, p_force, v_now, v_now, 'not_configured'
    where not exists (
      select 1 from acontext_sessions.runs as r
      where r.stop_reason = 'not_configured' and r.requested_at > v_now - interval '1 hour'
    );
    return false;
  end if;

  insert into acontext_sessions.runs (
    id, task, trigger, status, expires_sessions, force, requested_at, request_id
  )
  values (
    v_run_id, p_task, p_trigger, 'requested', p_expires_sessions, p_force, v_now,
    net.http_post(
      url := v_url || '/functions/v1/cleanup-sessions',
      body := jsonb_build_object('runId', v_run_id, 'task', p_task, 'background', true),
      headers := jsonb_build_object('Content-Type', 'application/json', 'apikey', v_key),
      timeout_milliseconds := 10000
    )
  );
  return true;
end;
$$;

revoke execute on function acontext_sessions.call_worker(acontext_sessions.run_task, acontext_sessions.run_trigger, boolean, boolean)
  from public, anon, authenticated, service_role;

comment on function acontext_sessions.call_worker(acontext_sessions.run_task, acontext_sessions.run_trigger, boolean, boolean) is
  'Asks pg_net to call the cleanup function once this transaction commits. False, and a finished run that says so, when Vault lacks a usable secret.';

create function acontext_sessions.expiry_is_unfinished()
returns boolean
language sql
stable
security invoker
set search_path = ''
as $$
  select coalesce((
    select case
      when r.status = 'finished' then r.stop_reason not in ('empty', 'too_many_expiring', 'disabled', 'not_configured')
      else coalesce(r.started_at, r.requested_at) <= acontext_sessions.clock() - acontext_sessions.run_timeout()
    end
    from acontext_sessions.runs as r
    where r.task = 'sweep' and r.expires_sessions and r.trigger <> 'manual'
      and r.requested_at > acontext_sessions.clock() - interval '1 day'
    order by r.requested_at desc
    limit 1
  ), false);
$$;

revoke execute on function acontext_sessions.expiry_is_unfinished() from public, anon, authenticated, service_role;

comment on function acontext_sessions.expiry_is_unfinished() is
  'Whether the last scheduled run that expires sessions was interrupted, so that the next retry goes on with it instead of waiting for the night.';

-- Security definer: workers end their run by asking for the next, and may not call themselves.
create function acontext_sessions.dispatch_sweep(
  p_trigger acontext_sessions.run_trigger,
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
  v_now timestamptz := acontext_sessions.clock();
  v_settings acontext_sessions.settings;
  v_expires_sessions boolean;
  v_due integer;
  v_busy integer;
  v_wanted integer;
begin
  -- A new session_ttl reaches all sessions soon, not only when the next run expires some.
  if p_trigger = 'retry' then
    perform acontext_sessions.restamp_sessions(2000);
  end if;
  select s.* into v_settings from acontext_sessions.settings as s;
  if not v_settings.cleanup_enabled then
    return 0;
  end if;

  -- A wrong key, a missing function or an unreachable address: the call is over and nobody works. Were it none of these and
  -- only slow, the worker finds its run finished and leaves the work to the next.
  update acontext_sessions.runs as r
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
    or (p_trigger = 'retry' and acontext_sessions.expiry_is_unfinished());
  v_due := acontext_sessions.count_due(
    v_expires_sessions, p_force, v_settings.max_workers * v_settings.max_per_run
  );
  -- The expiry limit hides what would expire; a run has to say so.
  if v_due = 0 and not (v_expires_sessions and not acontext_sessions.expiry_allowed(p_force)) then
    return 0;
  end if;

  -- One dispatcher decides at a time. A run that has not reported for this long is not coming back.
  perform pg_advisory_xact_lock(hashtextextended('acontext_sessions.dispatch_sweep', 0));
  select count(*)::integer into v_busy
  from acontext_sessions.runs as r
  where r.status <> 'finished' and r.task = 'sweep'
    and coalesce(r.started_at, r.requested_at) > v_now - acontext_sessions.run_timeout();
  v_wanted := least(
    v_settings.max_workers,
    greatest(1, ceil(v_due::numeric / v_settings.max_per_run)::integer)
  ) - v_busy;
  if v_wanted <= 0 then
    return 0;
  end if;

  for v_worker in 1..v_wanted loop
    if not acontext_sessions.call_worker('sweep', p_trigger, v_expires_sessions, p_force) then
      return 0;
    end if;
  end loop;
  return v_wanted;
end;
$$;

revoke execute on function acontext_sessions.dispatch_sweep(acontext_sessions.run_trigger, boolean, boolean)
  from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.dispatch_sweep(acontext_sessions.run_trigger, boolean, boolean)
  to service_role;

comment on function acontext_sessions.dispatch_sweep(acontext_sessions.run_trigger, boolean, boolean) is
  'Calls as many background workers as the backlog needs and answers how many. Nothing due: no call.';

create function public.acontext_finish_sweep(p_run_id uuid, p_result jsonb)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_run acontext_sessions.runs;
  v_got_on boolean;
  v_remaining integer;
  v_dispatched integer := 0;
begin
  update acontext_sessions.runs as r
  set status = 'finished',
    finished_at = acontext_sessions.clock(),
    total = coalesce((p_result ->> 'total')::integer, 0),
    deleted = coalesce((p_result ->> 'deleted')::integer, 0),
    failed = coalesce((p_result ->> 'failed')::integer, 0),
    deferred = coalesce((p_result ->> 'deferred')::integer, 0),
    errors = coalesce(p_result -> 'errors', '[]'),
    stop_reason = coalesce(p_result ->> 'stopReason', 'error')
  where r.id = p_run_id and r.status = 'running'
  returning r.* into v_run;
  if not found then
    return jsonb_build_object('remaining', 0, 'dispatched', 0);
  end if;

  v_got_on := v_run.total > v_run.deferred or v_run.expired + v_run.stale > 0
    or exists (select 1 from acontext_sessions.restamp_state as t where t.moved_at >= v_run.started_at);
  v_remaining := acontext_sessions.count_due(v_run.expires_sessions, v_run.force, 100000);
  if v_remaining > 0 and v_got_on and v_run.trigger <> 'manual'
    and v_run.stop_reason in ('limit', 'time_budget', 'shutdown')
  then
    v_dispatched := acontext_sessions.dispatch_sweep('chain', v_run.expires_sessions, v_run.force);
  end if;
  return jsonb_build_object('remaining', v_remaining, 'dispatched', v_dispatched);
end;
$$;

revoke execute on function public.acontext_finish_sweep(uuid, jsonb) from public, anon, authenticated, service_role;
grant execute on function public.acontext_finish_sweep(uuid, jsonb) to service_role;

comment on function public.acontext_finish_sweep(uuid, jsonb) is
  'Ends a run once; a scheduled run that got on and leaves work behind calls the next. Answers what is still due, counted up to 100,000.';
