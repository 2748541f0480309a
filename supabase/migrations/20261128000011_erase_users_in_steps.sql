-- Purpose: who is deleted in Auth, softly or not, is refused at once, and the sessions are queued in steps, however many there are.
-- Risk: creating and using a session reads auth.users.

create table acontext_sessions.erased_users (
  user_id uuid primary key,
  erased_at timestamptz not null default acontext_sessions.clock(),
  held_back boolean not null default false
);

comment on table acontext_sessions.erased_users is
  'Users who are deleted in Auth and still have sessions that are not queued for deletion. Empty while all is well.';
comment on column acontext_sessions.erased_users.erased_at is 'When that was noticed; the first is served first.';
comment on column acontext_sessions.erased_users.held_back is
  'One of so many who are missing from auth.users that a mistake is likelier than a deletion: nothing is queued. See find_erased_users.';

revoke all on acontext_sessions.erased_users from public, anon, authenticated, service_role;
grant select on acontext_sessions.erased_users to service_role;

-- Security definer: the service role may not read auth.users.
create function acontext_sessions.user_refusal(p_user_id uuid)
returns text
-- Not sql: its plan is kept from one call to the next.
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_banned boolean;
begin
  select coalesce(u.banned_until > acontext_sessions.clock(), false) into v_banned
  from auth.users as u where u.id = p_user_id and u.deleted_at is null;
  if not found then
    return 'unknown_user';
  elsif v_banned and (select s.refuse_banned_users from acontext_sessions.settings as s) then
    return 'banned';
  end if;
  return null;
end;
$$;

revoke execute on function acontext_sessions.user_refusal(uuid) from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.user_refusal(uuid) to service_role;

comment on function acontext_sessions.user_refusal(uuid) is
  'Why a user may have no sessions now: unknown_user, who does not exist or is deleted, softly or not, or banned; null for all others.';

-- Security definer: the service role may neither read nor lock auth.users.
create function acontext_sessions.lock_user(p_user_id uuid)
returns text
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
  begin
    -- As a foreign key does it: other changes of the account, such as a sign-in, go on.
    perform 1 from auth.users as u where u.id = p_user_id for key share;
  exception when insufficient_privilege then
    -- Without the right to lock, what is made while its user is being deleted is found by the nightly look.
    null;
  end;
  return acontext_sessions.user_refusal(p_user_id);
end;
$$;

revoke execute on function acontext_sessions.lock_user(uuid) from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.lock_user(uuid) to service_role;

comment on function acontext_sessions.lock_user(uuid) is
  'As user_refusal; until the transaction ends, the user is not deleted.';

-- Security definer: users may not read auth.users.
create function acontext_sessions.caller_may_see_sessions()
returns boolean
language sql
stable
security definer
set search_path = ''
as $$
  select acontext_sessions.user_refusal((select auth.uid())) is null;
$$;

revoke execute on function acontext_sessions.caller_may_see_sessions() from public, anon, authenticated, service_role;
-- For the policies of session_mappings. Nobody can call it by name: the schema is closed to users.
grant execute on function acontext_sessions.caller_may_see_sessions() to authenticated;

comment on function acontext_sessions.caller_may_see_sessions() is
  'Whether the user of the token, which may be older, is neither deleted nor refused as banned.';

-- Security definer: it reads auth.users, and whoever deletes a user has no rights here.
create function acontext_sessions.queue_erased(p_limit integer)
returns integer
language plpgsql
volatile
security definer
set search_path = ''
-- Below deadlock_timeout: whoever deletes a user waits for this.
set lock_timeout = '500ms'
as $$
declare
  v_user_id uuid;
  v_ids uuid[];
  v_id uuid;
  v_count integer := 0;
  v_changed integer;
  v_kept text;
begin
  <<users>>
  for v_user_id in
    select e.user_id from acontext_sessions.erased_users as e where not e.held_back
    order by e.erased_at, e.user_id for update skip locked
  loop
    -- A soft deletion can be taken back, and an id can be used again.
    if acontext_sessions.user_refusal(v_user_id) is not distinct from 'unknown_user' then
      select coalesce(array_agg(f.id), '{}') into v_ids
      from (
        select s.id from public.session_mappings as s
        where s.user_id = v_user_id limit p_limit - v_count for update skip locked
      ) as f;
      -- The triggers do the rest: a session that loses its owner is queued, or loses its grace period.
      begin
        update public.session_mappings as s set user_id = null where s.id = any (v_ids);
        get diagnostics v_changed = row_count;
        if v_changed < cardinality(v_ids) then
          raise exception 'a trigger keeps a session as it is';
        end if;
        v_count := v_count + cardinality(v_ids);
      exception
        when lock_not_available or deadlock_detected then
          -- Waited for once: each of the others would have to wait as long.
          exit users;
        when others then
          -- A trigger or a check of the app keeps one of them. The others go, each by itself.
          foreach v_id in array v_ids loop
            begin
              update public.session_mappings as s set user_id = null where s.id = v_id;
              if not found then
                raise exception 'a trigger keeps it as it is';
              end if;
              v_count := v_count + 1;
            exception
              when lock_not_available or deadlock_detected then
                exit users;
              when others then
                raise warning 'acontext_sessions: erased_failed: session %: % (%)', v_id, sqlerrm, sqlstate;
                v_kept := sqlstate;
            end;
          end loop;
      end;
      exit users when v_count >= p_limit;
      continue users when exists (select 1 from public.session_mappings as s where s.user_id = v_user_id);
    end if;
    delete from acontext_sessions.erased_users as e where e.user_id = v_user_id;
  end loop;
  -- While there is something else to do, that is done, and not undone by this.
  if v_kept is not null and v_count = 0 then
    raise exception 'Cannot queue the sessions of a deleted user' using errcode = v_kept;
  end if;
  return v_count;
exception
  when lock_not_available or deadlock_detected then
    return 0;
end;
$$;

revoke execute on function acontext_sessions.queue_erased(integer) from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.queue_erased(integer) to service_role;

comment on function acontext_sessions.queue_erased(integer) is
  'One bounded step after users were deleted: takes the owner from up to p_limit of their sessions, which queues them, and answers how many. What others hold is left for the next step. Raises what keeps a session as it is when it could do nothing else.';

-- Security definer: it reads auth.users.
create function acontext_sessions.find_erased_users(p_force boolean default false)
returns integer
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_count integer;
begin
  -- A restore may have come to the users since.
  delete from acontext_sessions.erased_users as e
  where e.held_back and (
    exists (select 1 from auth.users as u where u.id = e.user_id and u.deleted_at is null)
    or not exists (select 1 from public.session_mappings as s where s.user_id = e.user_id)
  );

  with owners as materialized (
    select distinct s.user_id from public.session_mappings as s where s.user_id is not null
  ),
  found_now as materialized (
    select o.user_id, u.id is null as missing
    from owners as o
    left join auth.users as u on u.id = o.user_id
    where (u.id is null or u.deleted_at is not null)
      and not exists (
        select 1 from acontext_sessions.erased_users as e where e.user_id = o.user_id and not e.held_back
      )
  ),
  -- Who is deleted softly is there to say so. Who is missing may not have been restored yet.
  look as (
    select not p_force and f.missing > 0 and (
      f.missing > greatest(10, 0.05 * (select count(*) from owners))
      or not exists (select 1 from auth.users)
    ) as too_many
    from (select count(*) filter (where n.missing) as missing from found_now as n) as f
  ),
  noted as (
    insert into acontext_sessions.erased_users as e (user_id, held_back)
    select f.user_id, f.missing and l.too_many from found_now as f cross join look as l
    on conflict (user_id) do update
      set held_back = excluded.held_back, erased_at = excluded.erased_at where e.held_back
    returning e.held_back
  )
  select count(*) filter (where not n.held_back)::integer into v_count from noted as n;
  return v_count;
end;
$$;

revoke execute on function acontext_sessions.find_erased_users(boolean) from public, anon, authenticated, service_role;

comment on function acontext_sessions.find_erased_users(boolean) is
  'Notes the deleted users who still have sessions and whom no trigger has noted: deleted before there was one, with triggers off, or in the moment in which a session was made. Answers how many. When more than 10 and more than 5 % of all owners are missing from auth.users, or nobody is there, they are held back, unless p_force confirms it.';

-- Security definer: whoever deletes a user has no rights here.
create function acontext_sessions.note_erased_users()
returns trigger
language plpgsql
volatile
security definer
set search_path = ''
set lock_timeout = '500ms'
as $$
declare
  v_noted boolean;
begin
  -- Nothing that fails here may keep Auth from deleting a user. What is not noted is found at night.
  begin
    if tg_op = 'DELETE' then
      insert into acontext_sessions.erased_users (user_id)
      select g.id from gone as g
      where exists (select 1 from public.session_mappings as s where s.user_id = g.id)
      on conflict (user_id) do update set held_back = false;
    else
      insert into acontext_sessions.erased_users (user_id)
      select new.id where exists (select 1 from public.session_mappings as s where s.user_id = new.id)
      on conflict (user_id) do update set held_back = false;
    end if;
    v_noted := found;
  exception when others then
    raise warning 'acontext_sessions: a deleted user is not noted: % (%)', sqlerrm, sqlstate;
  end;
  if v_noted then
    begin
      -- For most users this is all. The rest of many is left to the runs.
      perform acontext_sessions.queue_erased(100);
    exception when others then
      raise warning 'acontext_sessions: erased_failed: % (%)', sqlerrm, sqlstate;
    end;
  end if;
  return null;
end;
$$;

revoke execute on function acontext_sessions.note_erased_users() from public, anon, authenticated, service_role;

comment on function acontext_sessions.note_erased_users() is
  'Trigger: notes users whom Auth deletes, softly or not, and queues the first of their sessions. It never fails.';

create function acontext_sessions.count_erased(p_limit integer)
returns integer
language sql
stable
security invoker
set search_path = ''
as $$
  select count(*)::integer from (
    select 1
    from acontext_sessions.erased_users as e
    cross join lateral (
      select 1 from public.session_mappings as s where s.user_id = e.user_id limit p_limit
    ) as f
    where not e.held_back
    limit p_limit
  ) as c;
$$;

revoke execute on function acontext_sessions.count_erased(integer) from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.count_erased(integer) to service_role;

comment on function acontext_sessions.count_erased(integer) is
  'Sessions of deleted users that are not queued yet, counted up to p_limit.';

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

create or replace function acontext_sessions.dispatch_sweep(
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
    begin
      perform acontext_sessions.restamp_sessions(2000);
    exception when others then
      -- The run that is about to expire sessions reports it.
      raise warning 'acontext_sessions: restamp_failed: % (%)', sqlerrm, sqlstate;
    end;
  end if;
  select s.* into v_settings from acontext_sessions.settings as s;
  if not v_settings.cleanup_enabled then
    return 0;
  end if;

  -- Deleted users do not wait for a run.
  begin
    if p_trigger = 'schedule' then
      perform acontext_sessions.find_erased_users();
    end if;
    if p_trigger in ('schedule', 'retry') then
      perform acontext_sessions.queue_erased(2000);
    end if;
  exception when others then
    raise warning 'acontext_sessions: erased_failed: % (%)', sqlerrm, sqlstate;
  end;

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
