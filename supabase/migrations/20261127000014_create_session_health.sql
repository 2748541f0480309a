-- Purpose: everything that tells whether the cleanup works, in one call that costs the same at a million sessions.
-- Risk: two small partial indexes are built; a column is added to the one row of reconcile_state.

create function acontext_sessions.longest_pause(p_schedule text)
returns interval
language sql
immutable
security invoker
set search_path = ''
as $$
  select case
    when f.schedule ~* '^(@hourly|[0-9]+ seconds?)$' then interval '65 minutes'
    when f.schedule ~* '^@(daily|midnight)$' then interval '26 hours'
    when f.schedule ~* '^@weekly$' then interval '8 days'
    when f.schedule ~* '^@monthly$' then interval '32 days'
    when cardinality(f.parts) <> 5 or f.parts[4] <> '*' then interval '367 days'
    when f.parts[3] <> '*' then interval '32 days'
    when f.parts[5] <> '*' then interval '8 days'
    when f.parts[2] <> '*' then interval '26 hours'
    else interval '65 minutes'
  end
  from (
    select trim(p_schedule) as schedule, regexp_split_to_array(trim(p_schedule), '\s+') as parts
  ) as f;
$$;

revoke execute on function acontext_sessions.longest_pause(text) from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.longest_pause(text) to service_role;

comment on function acontext_sessions.longest_pause(text) is
  'How long a cron schedule lets one wait at most, roughly and with some time to spare: an hour, a day, a week, a month or a year.';

create function acontext_sessions.estimated_rows(p_relation text)
returns bigint
language sql
stable
security invoker
set search_path = ''
as $$
  select greatest(0, c.reltuples)::bigint from pg_catalog.pg_class as c where c.oid = p_relation::regclass;
$$;

revoke execute on function acontext_sessions.estimated_rows(text) from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.estimated_rows(text) to service_role;

comment on function acontext_sessions.estimated_rows(text) is
  'Rows of a table, or entries of a partial index, as of the last analyze.';

create function acontext_sessions.capped_count(p_counted bigint, p_cap bigint, p_estimate bigint)
returns jsonb
language sql
immutable
security invoker
set search_path = ''
as $$
  select jsonb_build_object(
    'count', case when p_counted <= p_cap then p_counted else greatest(p_counted, p_estimate) end,
    'estimated', p_counted > p_cap
  );
$$;

revoke execute on function acontext_sessions.capped_count(bigint, bigint, bigint) from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.capped_count(bigint, bigint, bigint) to service_role;

comment on function acontext_sessions.capped_count(bigint, bigint, bigint) is
  'A count that was stopped just above p_cap: exact up to there, above that the estimate, or without one (0) the least it can be.';

create function acontext_sessions.seconds_since(p_time timestamptz)
returns bigint
language sql
stable
security invoker
set search_path = ''
as $$
  select extract(epoch from acontext_sessions.clock() - p_time)::bigint;
$$;

revoke execute on function acontext_sessions.seconds_since(timestamptz) from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.seconds_since(timestamptz) to service_role;

comment on function acontext_sessions.seconds_since(timestamptz) is 'Whole seconds from a time until now.';

-- Security definer: the API's roles may read neither cron nor the history of migrations.
create function acontext_sessions.platform_facts()
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
  -- Created by the CLI; absent when migrations are applied another way.
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

revoke execute on function acontext_sessions.platform_facts() from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.platform_facts() to service_role;

comment on function acontext_sessions.platform_facts() is
  'What health tells of the platform: whether Vault has usable secrets, the cron jobs, the newest migration.';

-- Security definer: the API's roles may not read pg_net's answers.
create function acontext_sessions.last_call()
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select jsonb_build_object(
    'id', r.id,
    'task', r.task,
    'trigger', r.trigger,
    'requestedAt', r.requested_at,
    'problem', case
      when r.stop_reason = 'not_delivered' then coalesce(r.errors -> 0 ->> 'error', 'unreachable')
      when r.status <> 'requested' then null
      when a.id is not null and (a.status_code is null or a.status_code not between 200 and 299)
        then coalesce('http_' || a.status_code, case when a.timed_out then 'timeout' else 'unreachable' end)
      when r.requested_at <= acontext_sessions.clock() - acontext_sessions.run_timeout() then 'no_answer'
    end
  )
  from acontext_sessions.runs as r
  left join net._http_response as a on a.id = r.request_id
  where r.request_id is not null
  order by r.requested_at desc, r.id
  limit 1;
$$;

revoke execute on function acontext_sessions.last_call() from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.last_call() to service_role;

comment on function acontext_sessions.last_call() is
  'The last run that was called through pg_net, and what is wrong with its call: http_401, unreachable, timeout, no_answer or null.';

create function acontext_sessions.run_view(p_run acontext_sessions.runs)
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  select jsonb_build_object(
    'id', p_run.id,
    'task', p_run.task,
    'trigger', p_run.trigger,
    'status', p_run.status,
    'stopReason', p_run.stop_reason,
    'requestedAt', p_run.requested_at,
    'startedAt', p_run.started_at,
    'finishedAt', p_run.finished_at,
    'total', p_run.total,
    'deleted', p_run.deleted,
    'failed', p_run.failed,
    'deferred', p_run.deferred,
    'expired', p_run.expired,
    'stale', p_run.stale,
    'errors', p_run.errors
  );
$$;

revoke execute on function acontext_sessions.run_view(acontext_sessions.runs) from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.run_view(acontext_sessions.runs) to service_role;

comment on function acontext_sessions.run_view(acontext_sessions.runs) is 'A run in the shape in which it is answered.';

create function acontext_sessions.session_counts()
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  -- Without an order the planner may scan the table, past all that has another status.
  select jsonb_build_object(
    'active', acontext_sessions.capped_count(
      (select count(*) from (
        select 1 from public.session_mappings as s
        where s.status = 'active' order by s.expires_at limit 10001
      ) as c),
      10000,
      acontext_sessions.estimated_rows('public.session_mappings_by_expiry')
    ),
    'provisioning', acontext_sessions.capped_count(
      (select count(*) from (
        select 1 from public.session_mappings as s
        where s.status = 'provisioning' order by s.last_activity_at limit 10001
      ) as c),
      10000,
      acontext_sessions.estimated_rows('public.session_mappings_provisioning')
    ),
    -- Each has an entry in the queue under its own id; orphans have one under an id of their own.
    'deleting', acontext_sessions.capped_count(
      (select count(*) from (
        select 1 from acontext_sessions.deletion_queue as q where q.reason <> 'orphan' limit 10001
      ) as c),
      10000,
      acontext_sessions.estimated_rows('acontext_sessions.deletion_queue')
    )
  );
$$;

revoke execute on function acontext_sessions.session_counts() from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.session_counts() to service_role;

comment on function acontext_sessions.session_counts() is 'Sessions by status; above 10,000 an estimate.';

create function acontext_sessions.queue_facts()
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  with t as materialized (select acontext_sessions.clock() as now)
  select jsonb_build_object(
    'entries', acontext_sessions.capped_count(
      (select count(*) from (select 1 from acontext_sessions.deletion_queue limit 10001) as c),
      10000,
      acontext_sessions.estimated_rows('acontext_sessions.deletion_queue')
    ),
    -- No statistics tell these; an index does, in its order and with the time read once.
    'due', acontext_sessions.capped_count(
      (select count(*) from (
        select 1 from acontext_sessions.deletion_queue as q
        where q.next_attempt_at <= (select t.now from t) order by q.next_attempt_at limit 100001
      ) as c),
      100000,
      0
    ),
    'expired', acontext_sessions.capped_count(
      (select count(*) from (
        select 1 from public.session_mappings as s
        where s.status = 'active' and s.expires_at <= (select t.now from t)
        order by s.expires_at limit 100001
      ) as c),
      100000,
      0
    ),
    'stuck', acontext_sessions.capped_count(
      (select count(*) from (
        select 1 from acontext_sessions.deletion_queue as q where q.attempts >= acontext_sessions.stuck_attempts() limit 10001
      ) as c),
      10000,
      acontext_sessions.estimated_rows('acontext_sessions.deletion_queue_stuck')
    ),
    'dueForSeconds', (
      select acontext_sessions.seconds_since(q.next_attempt_at) from acontext_sessions.deletion_queue as q
      where q.next_attempt_at <= acontext_sessions.clock() order by q.next_attempt_at limit 1
    ),
    'expiredForSeconds', (
      select acontext_sessions.seconds_since(s.expires_at) from public.session_mappings as s
      where s.status = 'active' and s.expires_at <= acontext_sessions.clock() order by s.expires_at limit 1
    ),
    'oldestSeconds', (
      select acontext_sessions.seconds_since(min(o.requested_at))
      from (
        select q.requested_at from acontext_sessions.deletion_queue as q order by q.next_attempt_at limit 10000
      ) as o
    )
  );
$$;

revoke execute on function acontext_sessions.queue_facts() from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.queue_facts() to service_role;

comment on function acontext_sessions.queue_facts() is
  'The backlog: how much (what is due is counted up to 100,000), for how long due, how old. The oldest is looked for among the 10,000 that are due first.';

create function acontext_sessions.run_facts(p_runs integer)
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  select jsonb_build_object(
    'recent', coalesce((
      select jsonb_agg(acontext_sessions.run_view(r.*::acontext_sessions.runs) order by r.requested_at desc, r.id)
      from (
        select c.* from acontext_sessions.runs as c order by c.requested_at desc, c.id limit least(greatest(p_runs, 0), 100)
      ) as r
    ), '[]'),
    'lastSuccessSeconds', (
      select acontext_sessions.seconds_since(r.finished_at) from acontext_sessions.runs as r
      where r.task = 'sweep' and r.stop_reason in ('empty', 'limit', 'time_budget', 'shutdown')
      order by r.requested_at desc limit 1
    ),
    'lastFinished', (
      select r.stop_reason from acontext_sessions.runs as r
      where r.status = 'finished'
        and r.stop_reason not in ('disabled', 'not_configured', 'not_delivered', 'busy', 'lost')
      order by r.requested_at desc limit 1
    ),
    'lastExpiry', (
      select r.stop_reason from acontext_sessions.runs as r
      where r.task = 'sweep' and r.expires_sessions and r.status = 'finished'
        and r.stop_reason not in ('disabled', 'not_configured', 'not_delivered')
      order by r.requested_at desc limit 1
    ),
    'lastReconcile', (
      select r.stop_reason from acontext_sessions.runs as r
      where r.task = 'reconcile' and r.status = 'finished'
        and r.stop_reason not in ('disabled', 'not_configured', 'not_delivered', 'busy')
      order by r.requested_at desc limit 1
    ),
    'lastCall', acontext_sessions.last_call()
  );
$$;

revoke execute on function acontext_sessions.run_facts(integer) from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.run_facts(integer) to service_role;

comment on function acontext_sessions.run_facts(integer) is 'The last runs, and how the last of each kind ended.';

create function public.acontext_session_health(p_runs integer)
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  select jsonb_build_object(
    'time', acontext_sessions.clock(),
    'sessions', acontext_sessions.session_counts(),
    'queue', acontext_sessions.queue_facts(),
    'runs', acontext_sessions.run_facts(p_runs),
    'reconcile', (
      select jsonb_build_object(
        'phase', t.phase,
        'startedAt', t.pass_started_at,
        'finishedAt', t.pass_finished_at,
        'running', coalesce(t.run_until > acontext_sessions.clock(), false),
        'quietForSeconds', acontext_sessions.seconds_since(coalesce(t.pass_finished_at, t.watched_since)),
        'seen', t.pass_seen,
        'unknown', t.pass_unknown
      ) from acontext_sessions.reconcile_state as t
    ),
    'unproven', acontext_sessions.capped_count(
      (select count(*) from (
        select 1 from acontext_sessions.deletion_log as l
        where l.session_proof = 'unproven' or l.disk_proof = 'unproven' limit 10001
      ) as c),
      10000,
      acontext_sessions.estimated_rows('acontext_sessions.deletion_log_unproven')
    ),
    'settings', to_jsonb(s) - 'only_row',
    'pauses', jsonb_build_object(
      'cleanup', extract(epoch from acontext_sessions.longest_pause(s.cleanup_schedule))::bigint,
      'retry', extract(epoch from acontext_sessions.longest_pause(s.retry_schedule))::bigint,
      'reconcile', extract(epoch from acontext_sessions.longest_pause(s.reconcile_schedule))::bigint
    ),
    'settingsLog', coalesce((
      select jsonb_agg(
        jsonb_build_object('at', l.changed_at, 'by', l.changed_by, 'old', l.old, 'new', l.new)
        order by l.log_id desc
      )
      from (select g.* from acontext_sessions.settings_log as g order by g.log_id desc limit 10) as l
    ), '[]')
  ) || acontext_sessions.platform_facts()
  from acontext_sessions.settings as s;
$$;

revoke execute on function public.acontext_session_health(integer) from public, anon, authenticated, service_role;
grant execute on function public.acontext_session_health(integer) to service_role;

comment on function public.acontext_session_health(integer) is
  'The facts from which session-health judges, with the last p_runs runs (at most 100). Counts above 10,000, of what is due above 100,000, are estimates and say so.';
