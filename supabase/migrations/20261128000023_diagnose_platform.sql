-- Purpose: what is wrong with Vault, pg_net or pg_cron is said as what it is, and keeps nothing else from running.
-- Risk: none; new functions, and functions are replaced.

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

  delete from acontext_sessions.calls as c
  where not exists (select 1 from acontext_sessions.runs as r where r.id = c.run_id);

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

  if to_regclass('cron.job_run_details') is null then
    return v_total;
  end if;
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

create function acontext_sessions.vault_facts()
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  -- An unusable value is never shown: it may be a key that was put in the wrong place.
  select jsonb_build_object(
    'state', coalesce(w.problem, 'ok'),
    'projectUrl', w.project_url,
    'secretKey', w.secret_key is not null,
    'unusable', to_jsonb(w.unusable)
  )
  from acontext_sessions.worker_secrets() as w;
$$;

revoke execute on function acontext_sessions.vault_facts() from public, anon, authenticated, service_role;

comment on function acontext_sessions.vault_facts() is 'Whether Vault can be read, and what it has that can be used. Raises nothing.';

create function acontext_sessions.net_facts()
returns jsonb
language plpgsql
stable
security invoker
set search_path = ''
set lock_timeout = '500ms'
as $$
declare
  v_waiting bigint;
  v_unlimited bigint;
begin
  if to_regclass('net.http_request_queue') is null or to_regclass('net._http_response') is null then
    return jsonb_build_object('state', 'off', 'waiting', 0, 'unlimited', 0);
  end if;
  select count(*), count(*) filter (where q.timeout_milliseconds <= 0) into v_waiting, v_unlimited
  from (select r.timeout_milliseconds from net.http_request_queue as r limit 10000) as q;
  perform 1 from net._http_response as a limit 1;
  return jsonb_build_object('state', 'ok', 'waiting', v_waiting, 'unlimited', v_unlimited);
exception when others then
  raise warning 'acontext_sessions: pg_net cannot be read: % (%)', sqlerrm, sqlstate;
  return jsonb_build_object('state', 'unreadable', 'waiting', 0, 'unlimited', 0);
end;
$$;

revoke execute on function acontext_sessions.net_facts() from public, anon, authenticated, service_role;

comment on function acontext_sessions.net_facts() is
  'Whether pg_net can be used, how many requests it has (counted up to 10,000), and how many of them without a time limit. Raises nothing.';

create function acontext_sessions.cron_facts()
returns jsonb
language plpgsql
stable
security invoker
set search_path = ''
set lock_timeout = '500ms'
as $$
declare
  v_jobs jsonb;
begin
  if to_regclass('cron.job') is null or to_regclass('cron.job_run_details') is null then
    return jsonb_build_object('state', 'off', 'jobs', '[]'::jsonb);
  end if;
  select jsonb_agg(
    jsonb_build_object(
      'name', n.name,
      'schedule', j.schedule,
      'fault', acontext_sessions.schedule_fault(j.schedule),
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
  return jsonb_build_object('state', 'ok', 'jobs', v_jobs);
exception when others then
  raise warning 'acontext_sessions: pg_cron cannot be read: % (%)', sqlerrm, sqlstate;
  return jsonb_build_object('state', 'unreadable', 'jobs', '[]'::jsonb);
end;
$$;

revoke execute on function acontext_sessions.cron_facts() from public, anon, authenticated, service_role;

comment on function acontext_sessions.cron_facts() is 'Whether pg_cron can be used, and our jobs. Raises nothing.';

create or replace function acontext_sessions.platform_facts()
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_cron jsonb := acontext_sessions.cron_facts();
  v_migrations text[];
  -- Created by the CLI; absent when migrations are applied another way.
  v_history regclass := to_regclass('supabase_migrations.schema_migrations');
begin
  if v_history is not null then
    execute format('select coalesce(array_agg(version order by version), ''{}'') from %s', v_history) into v_migrations;
  end if;
  return jsonb_build_object(
    'vault', acontext_sessions.vault_facts(),
    'net', acontext_sessions.net_facts(),
    'cron', v_cron ->> 'state',
    'jobs', v_cron -> 'jobs',
    'migration', v_migrations[cardinality(v_migrations)],
    'migrations', to_jsonb(v_migrations)
  );
end;
$$;
-- The tables of Vault, pg_cron and pg_net are the owner's to read, and those of the CLI's history.

comment on function acontext_sessions.platform_facts() is
  'What health tells of the platform: whether Vault, pg_net and pg_cron are there and what they have of ours; the migrations that are applied.';
