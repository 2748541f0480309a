-- Purpose: sweeps, previews and the schedule expire what the limit on mass expiry lets expire, and hold the rest back.
-- Risk: a sweep past the limit, which expired nothing, now expires what has a ttl of its own, and sessions of owners with few
-- that are due. What a wrong session_ttl makes due is held back as before.

drop function acontext_sessions.queue_expired(integer);
create function acontext_sessions.queue_expired(
  p_limit integer, p_scope text, out moved integer, out more boolean, out problem text
)
language plpgsql
security invoker
volatile
set search_path = ''
as $$
declare
  v_now timestamptz := acontext_sessions.clock();
  v_settings acontext_sessions.settings;
  v_ids uuid[];
begin
  select s.* into v_settings from acontext_sessions.settings as s;
  if p_scope = 'all' then
    with due as materialized (
      select s.id
      from public.session_mappings as s
      where s.status = 'active' and s.expires_at <= v_now
        -- What a caller stamped while session_ttl changed must not expire by the old one.
        and case
          when s.ttl is not null then true
          when s.last_activity_at <= v_now then s.last_activity_at + v_settings.session_ttl <= v_now
          else false
        end
        -- Not a join: the planner would sort all that is due.
        and (
          select true from acontext_sessions.set_aside as a
          where a.session_id = s.id and a.step = 'expiry' and a.next_attempt_at > v_now
        ) is null
      order by s.expires_at, s.id
      limit p_limit
      for update skip locked
    )
    select coalesce(array_agg(d.id), '{}') into v_ids from due as d;
  elsif p_scope = 'own' then
    with due as materialized (
      select s.id
      from public.session_mappings as s
      where s.status = 'active' and s.ttl is not null and s.expires_at <= v_now
        and (
          select true from acontext_sessions.set_aside as a
          where a.session_id = s.id and a.step = 'expiry' and a.next_attempt_at > v_now
        ) is null
      order by s.expires_at, s.id limit p_limit for update skip locked
    )
    select coalesce(array_agg(d.id), '{}') into v_ids from due as d;
  else
    with due as materialized (
      select s.id
      from public.session_mappings as s
      where s.status = 'active' and s.expires_at <= v_now
        and case
          when s.ttl is not null then true
          when s.last_activity_at <= v_now then s.last_activity_at + v_settings.session_ttl <= v_now
          else false
        end
        -- In this order: what is held back, which may be much, is looked up nowhere.
        and case
          when s.ttl is not null or s.user_id is null
            or s.user_id not in (select h from acontext_sessions.heavy_owners() as h)
            then (
              select true from acontext_sessions.set_aside as a
              where a.session_id = s.id and a.step = 'expiry' and a.next_attempt_at > v_now
            ) is null
          else false
        end
      order by s.expires_at, s.id limit p_limit for update skip locked
    )
    select coalesce(array_agg(d.id), '{}') into v_ids from due as d;
  end if;
  select q.moved, q.problem into moved, problem
  from acontext_sessions.queue_sessions(v_ids, 'expired', v_now + v_settings.deletion_grace) as q;
  more := problem is null and cardinality(v_ids) >= p_limit;
end;
$$;

revoke execute on function acontext_sessions.queue_expired(integer, text) from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.queue_expired(integer, text) to service_role;
comment on function acontext_sessions.queue_expired(integer, text) is
  'Moves up to p_limit expired sessions of this scope, see expiry_scope, into the deletion queue: how many, whether there may be more, and what kept it from going on. What cannot change is set aside.';

create or replace function acontext_sessions.count_due(p_expires_sessions boolean, p_force boolean, p_limit integer)
returns integer
language sql
security invoker
stable
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
          else acontext_sessions.count_expired(p_limit, acontext_sessions.expiry_scope(p_force))
        end
  );
$$;

create or replace function public.acontext_preview_sweep(p_limit integer, p_force boolean)
returns jsonb
language sql
security invoker
stable
set search_path = ''
as $$
  select jsonb_build_object(
    -- Nothing but a step of the run itself keeps the sessions of a deleted user from being in the queue.
    'queued', least(p_limit, acontext_sessions.count_queued(p_limit) + acontext_sessions.count_erased(p_limit)),
    'expired', acontext_sessions.count_expired(p_limit, 'all'),
    'expiring', acontext_sessions.count_expired(p_limit, c.scope),
    'heldBack', acontext_sessions.count_held_back(p_limit, c.scope),
    'stale', acontext_sessions.count_stale(p_limit),
    'tooManyExpiring', c.scope <> 'all'
  )
  from (select acontext_sessions.expiry_scope(p_force) as scope offset 0) as c;
$$;

comment on function public.acontext_preview_sweep(integer, boolean) is
  'What a run would do now, changing nothing: of what is past its expiry, how much would expire and how much the expiry limit holds back. Each count stops at p_limit.';

create or replace function public.acontext_queue_due_sessions(p_run_id uuid, p_limit integer)
returns jsonb
language plpgsql
security invoker
volatile
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
  -- Of steps that could not go on. The others do.
  v_problems text[] := array[]::text[];
begin
  select r.* into v_run from acontext_sessions.runs as r where r.id = p_run_id for update;
  if not found then
    raise sqlstate 'PT404' using message = 'Cannot queue due sessions: no such run';
  end if;

  -- Each part in a block of its own, also against statement_timeout, which cancels a statement once: the next part goes on.

  -- Until it is through, old stamps tell neither the expiry limit nor this step what has expired.
  begin
    v_restamped := not v_run.expires_sessions or acontext_sessions.restamp_sessions(2000);
  exception when query_canceled or others then
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
  exception when query_canceled or others then
    raise warning 'acontext_sessions: stale_failed: % (%)', sqlerrm, sqlstate;
    v_problems := v_problems || ('stale_failed: ' || sqlstate);
  end;

  begin
    v_erased := acontext_sessions.queue_erased(p_limit);
  exception when query_canceled or others then
    raise warning 'acontext_sessions: erased_failed: % (%)', sqlerrm, sqlstate;
    v_problems := v_problems || ('erased_failed: ' || sqlstate);
  end;

  if v_run.expires_sessions and v_restamped then
    begin
      if v_run.expiry_allowed is null then
        v_run.expiry_scope := acontext_sessions.expiry_scope(v_run.force);
        v_run.expiry_allowed := v_run.expiry_scope = 'all';
        update acontext_sessions.runs as r
        set expiry_allowed = v_run.expiry_allowed, expiry_scope = v_run.expiry_scope
        where r.id = p_run_id;
      end if;
      -- A run that began before there was a scope has none.
      select q.* into v_step
      from acontext_sessions.queue_expired(
        p_limit, coalesce(v_run.expiry_scope, case when v_run.expiry_allowed then 'all' else 'own' end)
      ) as q;
      v_expired := v_step.moved;
      v_more := v_more or v_step.more;
      if v_step.problem is not null then
        v_problems := v_problems || ('expiry_failed: ' || v_step.problem);
      end if;
    exception when query_canceled or others then
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
  'One bounded step of a run: moves stale and expired sessions, and those of deleted users, into the deletion queue. tooManyExpiring: the expiry limit holds some back. After a change of session_ttl nothing expires before all sessions have been restamped. A session that cannot change is set aside; a part that fails is named in problems, and keeps no other from going on. Raises PT404 for an unknown run.';

-- Nobody counts without a scope any more.
drop function acontext_sessions.count_expired(integer);
