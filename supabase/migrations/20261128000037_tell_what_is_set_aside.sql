-- Purpose: health knows what is set aside, held back or skipped, and whether runs fail one after the other.
-- Risk: none; facts are added, none is taken away.

create function acontext_sessions.failed_in_a_row(p_task acontext_sessions.run_task)
returns integer
language sql
security invoker
stable
set search_path = ''
as $$
  select count(*)::integer
  from (
    select bool_and(l.stop_reason = 'error') over (order by l.requested_at desc, l.id) as failing
    from (
      select r.id, r.requested_at, r.stop_reason from acontext_sessions.runs as r
      where r.task = p_task and r.status = 'finished' and r.requested_at <= acontext_sessions.clock()
        and r.stop_reason not in ('disabled', 'not_configured', 'not_delivered', 'busy', 'lost')
      order by r.requested_at desc, r.id limit 10
    ) as l
  ) as f
  where f.failing;
$$;

revoke execute on function acontext_sessions.failed_in_a_row(acontext_sessions.run_task) from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.failed_in_a_row(acontext_sessions.run_task) to service_role;
comment on function acontext_sessions.failed_in_a_row(acontext_sessions.run_task) is
  'How many of the last runs of a task ended with an error, one after the other, counted up to ten.';

create or replace function acontext_sessions.run_facts(
  p_runs integer
)
returns jsonb
language sql
stable
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
      where r.requested_at <= acontext_sessions.clock() and r.task = 'sweep' and r.stop_reason in ('empty', 'limit', 'time_budget', 'shutdown', 'queueing_failed')
      order by r.requested_at desc limit 1
    ),
    'lastFinished', (
      select r.stop_reason from acontext_sessions.runs as r
      where r.status = 'finished' and r.requested_at <= acontext_sessions.clock()
        and r.stop_reason not in ('disabled', 'not_configured', 'not_delivered', 'busy', 'lost')
      order by r.requested_at desc limit 1
    ),
    'lastExpiry', (
      select r.stop_reason from acontext_sessions.runs as r
      where r.task = 'sweep' and r.expires_sessions and r.status = 'finished' and r.requested_at <= acontext_sessions.clock()
        and r.stop_reason not in ('disabled', 'not_configured', 'not_delivered')
      order by r.requested_at desc limit 1
    ),
    'lastExpiryScope', (
      select r.expiry_scope from acontext_sessions.runs as r
      where r.task = 'sweep' and r.expires_sessions and r.status = 'finished' and r.requested_at <= acontext_sessions.clock()
        and r.stop_reason not in ('disabled', 'not_configured', 'not_delivered')
      order by r.requested_at desc limit 1
    ),
    'failedInARow', jsonb_build_object(
      'sweep', acontext_sessions.failed_in_a_row('sweep'),
      'reconcile', acontext_sessions.failed_in_a_row('reconcile')
    ),
    'lastReconcile', (
      select r.stop_reason from acontext_sessions.runs as r
      where r.task = 'reconcile' and r.status = 'finished' and r.requested_at <= acontext_sessions.clock()
        and r.stop_reason not in ('disabled', 'not_configured', 'not_delivered', 'busy')
      order by r.requested_at desc limit 1
    ),
    'queueProblem', (
      select e.value ->> 'error'
      from (
        select c.errors from acontext_sessions.runs as c
        where c.task = 'sweep' and c.status = 'finished' and c.requested_at <= acontext_sessions.clock()
          and c.stop_reason not in ('disabled', 'not_configured', 'not_delivered', 'busy')
        order by c.requested_at desc limit 1
      ) as r
      cross join lateral jsonb_array_elements(case jsonb_typeof(r.errors) when 'array' then r.errors else '[]' end) as e (value)
      where e.value ->> 'error' ~ '^(restamp|stale|erased|expiry|queueing)_failed'
      limit 1
    ),
    'lastCall', acontext_sessions.last_call()
  );
$$;

create or replace function acontext_sessions.queue_facts()
returns jsonb
language sql
stable
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
      greatest(0,
        (select count(*) from (
          select 1 from public.session_mappings as s
          where s.status = 'active' and s.expires_at <= (select t.now from t)
          order by s.expires_at limit 100001
        ) as c)
        -- Counted by itself.
        - (select count(distinct a.session_id)
          from acontext_sessions.set_aside as a
          join public.session_mappings as s on s.id = a.session_id
          where s.status = 'active' and s.expires_at <= (select t.now from t))
      ),
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
      where s.status = 'active' and s.expires_at <= (select t.now from t)
        and (select true from acontext_sessions.set_aside as a where a.session_id = s.id limit 1) is null
      order by s.expires_at limit 1
    ),
    -- What a step cannot process: sessions, and for how long the first.
    'setAside', acontext_sessions.capped_count(
      (select count(*) from (select 1 from acontext_sessions.set_aside limit 10001) as c),
      10000,
      acontext_sessions.estimated_rows('acontext_sessions.set_aside')
    ),
    'setAsideForSeconds', (
      select acontext_sessions.seconds_since(min(a.since)) from acontext_sessions.set_aside as a
    ),
    'oldestSeconds', (
      select acontext_sessions.seconds_since(min(o.requested_at))
      from (
        select q.requested_at from acontext_sessions.deletion_queue as q order by q.next_attempt_at limit 10000
      ) as o
    ),
    'erasedForSeconds', (
      select acontext_sessions.seconds_since(min(e.erased_at)) from acontext_sessions.erased_users as e
      where not e.held_back and (
        not exists (select 1 from public.session_mappings as s where s.user_id = e.user_id)
        or exists (
          select 1 from public.session_mappings as s
          where s.user_id = e.user_id
            and (select true from acontext_sessions.set_aside as a where a.session_id = s.id limit 1) is null
        )
      )
    ),
    -- Of deleted users: those who were so many at once that their sessions are kept.
    'missingOwners', acontext_sessions.capped_count(
      (select count(*) from (
        select 1 from acontext_sessions.erased_users as e where e.held_back limit 10001
      ) as c),
      10000,
      acontext_sessions.estimated_rows('acontext_sessions.erased_users')
    ),
    'repeatedDeletes', (
      select coalesce(sum(l.repeated_deletes), 0) from acontext_sessions.deletion_log as l
      where l.repeated_deletes > 0 and l.finished_at > acontext_sessions.clock() - interval '7 days'
    )
  );
$$;

create or replace function public.acontext_session_health(
  p_runs integer
)
returns jsonb
language sql
stable
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
        'quietForSeconds', coalesce(
          acontext_sessions.seconds_since(t.pass_finished_at), acontext_sessions.seconds_since(t.watched_since), 0
        ),
        'seen', greatest(t.pass_seen, 0),
        'unknown', greatest(t.pass_unknown, 0),
        -- Of this pass, or of the last that ended.
        'skipped', greatest(t.pass_skipped, t.last_skipped, 0)
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
        jsonb_build_object(
          'at', l.changed_at,
          'by', l.changed_by,
          'old', case jsonb_typeof(l.old) when 'object' then l.old else '{}' end,
          'new', case jsonb_typeof(l.new) when 'object' then l.new else '{}' end
        )
        order by l.log_id desc
      )
      from (select g.* from acontext_sessions.settings_log as g order by g.log_id desc limit 10) as l
    ), '[]')
  ) || acontext_sessions.platform_facts()
  from acontext_sessions.settings as s;
$$;
