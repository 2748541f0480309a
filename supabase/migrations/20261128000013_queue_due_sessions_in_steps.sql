-- Purpose: a run takes up what is stale, expired or of deleted users in steps of which none keeps another from going on, and health tells of it.
-- Risk: none; functions are replaced.

create or replace function acontext_sessions.count_due(p_expires_sessions boolean, p_force boolean, p_limit integer)
returns integer
language sql
stable
security invoker
set search_path = ''
as $$
  select least(
    p_limit,
    acontext_sessions.count_queued(p_limit)
      + acontext_sessions.count_erased(p_limit)
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

create or replace function public.acontext_preview_sweep(p_limit integer, p_force boolean)
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  select jsonb_build_object(
    -- Nothing but a step of the run itself keeps the sessions of a deleted user from being in the queue.
    'queued', least(p_limit, acontext_sessions.count_queued(p_limit) + acontext_sessions.count_erased(p_limit)),
    'expired', acontext_sessions.count_expired(p_limit),
    'stale', acontext_sessions.count_stale(p_limit),
    'tooManyExpiring', not acontext_sessions.expiry_allowed(p_force)
  );
$$;

create or replace function public.acontext_queue_due_sessions(p_run_id uuid, p_limit integer)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_run acontext_sessions.runs;
  v_stale integer := 0;
  v_erased integer := 0;
  v_expired integer := 0;
  v_restamped boolean;
  v_more boolean := false;
  v_step record;
  -- Of steps that failed, and of rows that cannot change. The others go on.
  v_problems text[] := array[]::text[];
begin
  select r.* into v_run from acontext_sessions.runs as r where r.id = p_run_id for update;
  if not found then
    raise sqlstate 'PT404' using message = 'Cannot queue due sessions: no such run';
  end if;

  -- Until it is through, old stamps tell neither the expiry limit nor this step what has expired.
  begin
    v_restamped := not v_run.expires_sessions or acontext_sessions.restamp_sessions(2000);
  exception when others then
    raise warning 'acontext_sessions: restamp_failed: % (%)', sqlerrm, sqlstate;
    v_problems := v_problems || ('restamp_failed: ' || sqlstate);
  end;

  begin
    select q.* into v_step from acontext_sessions.queue_stale(p_limit) as q;
    v_stale := v_step.moved;
    v_more := v_more or v_step.more;
    if v_step.problem is not null then
      v_problems := v_problems || ('stale_failed: ' || v_step.problem);
    end if;
  exception when others then
    raise warning 'acontext_sessions: stale_failed: % (%)', sqlerrm, sqlstate;
    v_problems := v_problems || ('stale_failed: ' || sqlstate);
  end;

  begin
    v_erased := acontext_sessions.queue_erased(p_limit);
  exception when others then
    raise warning 'acontext_sessions: erased_failed: % (%)', sqlerrm, sqlstate;
    v_problems := v_problems || ('erased_failed: ' || sqlstate);
  end;

  if v_run.expires_sessions and v_restamped then
    begin
      if v_run.expiry_allowed is null then
        v_run.expiry_allowed := acontext_sessions.expiry_allowed(v_run.force);
        update acontext_sessions.runs as r
        set expiry_allowed = v_run.expiry_allowed where r.id = p_run_id;
      end if;
      if v_run.expiry_allowed then
        select q.* into v_step from acontext_sessions.queue_expired(p_limit) as q;
        v_expired := v_step.moved;
        v_more := v_more or v_step.more;
        if v_step.problem is not null then
          v_problems := v_problems || ('expiry_failed: ' || v_step.problem);
        end if;
      end if;
    exception when others then
      raise warning 'acontext_sessions: expiry_failed: % (%)', sqlerrm, sqlstate;
      v_problems := v_problems || ('expiry_failed: ' || sqlstate);
    end;
  end if;

  update acontext_sessions.runs as r
  set expired = r.expired + v_expired, stale = r.stale + v_stale
  where r.id = p_run_id;
  return jsonb_build_object(
    'expired', v_expired,
    'stale', v_stale,
    'tooManyExpiring', coalesce(v_run.expires_sessions and v_restamped and not v_run.expiry_allowed, false),
    -- A step that failed would fail again: the next run tries.
    'more', coalesce(v_more or v_erased >= p_limit or not v_restamped, false)
  ) || jsonb_strip_nulls(jsonb_build_object(
    'erased', nullif(v_erased, 0),
    'problems', case when cardinality(v_problems) > 0 then to_jsonb(v_problems) end
  ));
end;
$$;

comment on function public.acontext_queue_due_sessions(uuid, integer) is
  'One bounded step of a run: moves stale and expired sessions, and those of deleted users, into the deletion queue. After a change of session_ttl nothing expires before all sessions have been restamped. A part that fails is named in problems, and keeps no other from going on. Raises PT404 for an unknown run.';

create or replace function acontext_sessions.queue_facts()
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
    ),
    'erasedForSeconds', (
      select acontext_sessions.seconds_since(min(e.erased_at)) from acontext_sessions.erased_users as e
      where not e.held_back
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

create or replace function acontext_sessions.run_facts(p_runs integer)
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
      where r.task = 'sweep' and r.stop_reason in ('empty', 'limit', 'time_budget', 'shutdown', 'queueing_failed')
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
    'queueProblem', (
      select e.value ->> 'error'
      from (
        select c.errors from acontext_sessions.runs as c
        where c.task = 'sweep' and c.status = 'finished'
          and c.stop_reason not in ('disabled', 'not_configured', 'not_delivered', 'busy')
        order by c.requested_at desc limit 1
      ) as r
      cross join lateral jsonb_array_elements(r.errors) as e (value)
      where e.value ->> 'error' ~ '^(restamp|stale|erased|expiry|queueing)_failed'
      limit 1
    ),
    'lastCall', acontext_sessions.last_call()
  );
$$;
