-- Purpose: what Vault holds for the dispatcher is checked before it is used, and replaced in one go by an operator's command.
-- Risk: values that pg_net could only fail with now count as missing, so the schedule reports not_configured instead.

create function acontext_sessions.usable_project_url(p_value text)
returns text
language sql
immutable
security invoker
set search_path = ''
as $$
  select substring(rtrim(btrim(p_value, E' \t\r\n'), '/') from '^https?://[^/?#@[:space:]]+(?:/[^?#[:space:]]*)?$');
$$;

revoke execute on function acontext_sessions.usable_project_url(text) from public, anon, authenticated;

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

revoke execute on function acontext_sessions.usable_secret_key(text) from public, anon, authenticated;

comment on function acontext_sessions.usable_secret_key(text) is
  'The key without the blanks around it; null when it cannot stand in a header.';

create function acontext_sessions.worker_secrets(
  out acontext_sessions_project_url text,
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
  acontext_sessions_project_url := acontext_sessions.usable_project_url(v_url);
  secret_key := acontext_sessions.usable_secret_key(v_key);
  unusable := array_remove(array[
    case when v_url is not null and acontext_sessions_project_url is null then 'acontext_sessions_project_url' end,
    case when v_key is not null and secret_key is null then 'acontext_sessions_secret_key' end
  ], null);
end;
$$;

revoke execute on function acontext_sessions.worker_secrets() from public, anon, authenticated;

comment on function acontext_sessions.worker_secrets() is
  'Where and with which key cleanup-sessions is called, from Vault. Each is null when it is missing or unusable; unusable names the latter.';

-- Security definer: only its owner may read Vault.
create or replace function acontext_sessions.call_worker(
  p_trigger acontext_sessions.run_trigger,
  p_expires_sessions boolean,
  p_force boolean,
  p_body jsonb
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
      id, trigger, status, expires_sessions, force, requested_at, finished_at, stop_reason
    )
    select v_run_id, p_trigger, 'finished', p_expires_sessions, p_force, v_now, v_now, 'not_configured'
    where not exists (
      select 1 from acontext_sessions.runs as r
      where r.stop_reason = 'not_configured' and r.requested_at > v_now - interval '1 hour'
    );
    return false;
  end if;

  insert into acontext_sessions.runs (
    id, trigger, status, expires_sessions, force, requested_at, request_id
  )
  values (
    v_run_id, p_trigger, 'requested', p_expires_sessions, p_force, v_now,
    net.http_post(
      url := v_url || '/functions/v1/cleanup-sessions',
      body := jsonb_build_object('runId', v_run_id) || p_body,
      headers := jsonb_build_object('Content-Type', 'application/json', 'apikey', v_key),
      timeout_milliseconds := 10000
    )
  );
  return true;
end;
$$;

comment on function acontext_sessions.call_worker(acontext_sessions.run_trigger, boolean, boolean, jsonb) is
  'Asks pg_net to call the cleanup function once this transaction commits. False, and a finished run that says so, when Vault lacks a usable secret.';

-- Security definer: the API's roles may read neither cron nor the history of migrations.
create or replace function acontext_sessions.platform_facts()
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_vault jsonb;
  v_jobs jsonb;
  v_migration text;
  -- The CLI makes it; whoever applies migrations in another way has none.
  v_history regclass := to_regclass('supabase_migrations.schema_migrations');
begin
  -- An unusable value is never shown: it may be a key that was put in the wrong place.
  select jsonb_build_object(
    'projectUrl', w.project_url,
    'secretKey', w.secret_key is not null,
    'unusable', to_jsonb(w.unusable)
  ) into v_vault
  from acontext_sessions.worker_secrets() as w;

  select jsonb_agg(
    jsonb_build_object(
      'name', n.name,
      'schedule', j.schedule,
      'active', coalesce(j.active, false),
      'lastStatus', d.status,
      'lastStart', d.start_time
    ) order by n.name
  ) into v_jobs
  from unnest(array['cleanup', 'purge', 'reconcile', 'retry']) as n (name)
  left join cron.job as j
    on j.jobname = 'acontext-sessions-' || n.name and j.username = current_user
  left join lateral (
    select h.status, h.start_time
    from (
      -- The history has an index by run only, and other jobs of the project may have a long one.
      select r.jobid, r.runid, r.status, r.start_time
      from cron.job_run_details as r order by r.runid desc limit 1000
    ) as h
    where h.jobid = j.jobid and h.status in ('succeeded', 'failed')
    order by h.runid desc limit 1
  ) as d on true;

  if v_history is not null then
    execute format('select max(version) from %s', v_history) into v_migration;
  end if;

  return jsonb_build_object('vault', v_vault, 'jobs', v_jobs, 'migration', v_migration);
end;
$$;

comment on function acontext_sessions.platform_facts() is
  'What health tells of the platform: whether Vault has usable secrets, the cron jobs, the newest migration.';

-- Security definer: it calls a worker. The address is never changed without the key: whoever may call this could else have
-- a key that somebody else put into Vault sent to an address of their own.
create function acontext_sessions.store_worker_secrets(p_project_url text, p_secret_key text)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_url text := acontext_sessions.usable_project_url(p_project_url);
  v_key text := acontext_sessions.usable_secret_key(p_secret_key);
begin
  if v_url is null then
    raise sqlstate 'PT400' using
      message = 'Cannot store the secrets: the project''s URL is not one, with https:// and without blanks';
  end if;
  if v_key is null then
    raise sqlstate 'PT400' using
      message = 'Cannot store the secrets: the secret key is empty or has blanks in it';
  end if;
  perform
    case
      when s.id is null then vault.create_secret(n.value, n.name, 'acontext-sessions: read by the dispatcher')::text
      else vault.update_secret(s.id, n.value)::text
    end
  from (values ('acontext_sessions_project_url', v_url), ('acontext_sessions_secret_key', v_key)) as n (name, value)
  left join vault.secrets as s on s.name = n.name;
  -- Like a retry run, that is without expiring anything; who calls it does not wait for it.
  perform acontext_sessions.call_worker('manual', false, false, '{"background": true}');
  return jsonb_build_object('projectUrl', v_url);
end;
$$;

revoke execute on function acontext_sessions.store_worker_secrets(text, text) from public, anon, authenticated;
grant execute on function acontext_sessions.store_worker_secrets(text, text) to service_role;

comment on function acontext_sessions.store_worker_secrets(text, text) is
  'Stores both secrets of the dispatcher and calls a worker with them. See public.acontext_set_vault_secrets.';

create function public.acontext_set_vault_secrets(p_project_url text, p_secret_key text)
returns jsonb
language sql
volatile
security invoker
set search_path = ''
as $$
  select acontext_sessions.store_worker_secrets(p_project_url, p_secret_key);
$$;

revoke execute on function public.acontext_set_vault_secrets(text, text) from public, anon, authenticated;
grant execute on function public.acontext_set_vault_secrets(text, text) to service_role;

comment on function public.acontext_set_vault_secrets(text, text) is
  'Replaces the project''s URL and the secret key in Vault, both at once, and calls cleanup-sessions with them: the next call in acontext_session_health shows whether they work. Answers the URL as stored. Raises PT400 for what cannot be used.';
