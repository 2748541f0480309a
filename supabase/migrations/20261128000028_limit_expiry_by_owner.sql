-- Purpose: the limit on mass expiry judges per owner, so that nobody's sessions keep those of others from expiring.
-- Risk: a sweep past the limit, which expired nothing, now expires what has a ttl of its own, and sessions of owners with few
-- that are due. What a wrong session_ttl makes due is held back as before.

alter table acontext_sessions.runs
  add column expiry_scope text,
  add constraint run_expiry_scope_is_known check (expiry_scope in ('all', 'light', 'own'));

comment on column acontext_sessions.runs.expiry_allowed is
  'Whether the expiry limit held nothing back, at the first step of this run; null: not asked yet, or to be asked again.';
comment on column acontext_sessions.runs.expiry_scope is
  'What the expiry limit let expire, see acontext_sessions.expiry_scope.';

comment on function acontext_sessions.expiry_allowed(boolean) is
  'The expiry limit at first sight: false when so large a share of all active sessions would expire that a mistake is likelier than disuse. Then expiry_scope looks closer.';

create function acontext_sessions.heavy_owner_from()
returns integer
language sql
security invoker
stable
set search_path = ''
as $$
  select greatest(1, s.max_expiry_minimum / 10) from acontext_sessions.settings as s;
$$;

revoke execute on function acontext_sessions.heavy_owner_from() from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.heavy_owner_from() to service_role;
comment on function acontext_sessions.heavy_owner_from() is
  'An owner with more sessions than this that would expire at once is heavy, and counts with no more: a tenth of max_expiry_minimum.';

create function acontext_sessions.expiry_scope(p_force boolean)
returns text
language plpgsql
security invoker
stable
set search_path = ''
as $$
declare
  v_now timestamptz := acontext_sessions.clock();
  v_settings acontext_sessions.settings;
  v_cap integer := acontext_sessions.heavy_owner_from();
  v_fraction numeric;
  v_due bigint;
  v_others bigint;
  v_capped_due bigint;
  v_capped_others bigint;
  v_heavy bigint;
  v_light_due bigint;
  v_light_others bigint;
begin
  if acontext_sessions.expiry_allowed(p_force) then
    return 'all';
  end if;
  select s.* into v_settings from acontext_sessions.settings as s;
  v_fraction := v_settings.max_expiry_fraction::numeric;
  -- All active sessions: what is due is more than their max_expiry_fraction, so this costs as much as what is due.
  select coalesce(sum(o.due), 0)::bigint, coalesce(sum(o.others), 0)::bigint,
    coalesce(sum(least(o.due, v_cap)), 0)::bigint, coalesce(sum(least(o.others, v_cap)), 0)::bigint,
    count(*) filter (where o.due > v_cap),
    coalesce(sum(o.due) filter (where o.due <= v_cap), 0)::bigint,
    coalesce(sum(o.others) filter (where o.due <= v_cap), 0)::bigint
  into v_due, v_others, v_capped_due, v_capped_others, v_heavy, v_light_due, v_light_others
  from (
    select count(*) filter (where s.expires_at <= v_now and s.ttl is null) as due,
      count(*) filter (where s.expires_at > v_now or s.expires_at is null) as others
    from public.session_mappings as s
    where s.status = 'active'
    group by s.user_id
  ) as o;
  if v_due < v_settings.max_expiry_minimum or v_due <= v_fraction * (v_due + v_others) then
    return 'all';
  end if;
  -- A few heavy owners must make no difference to the others. Where there are many of them, they tell of a mistake as well.
  if v_heavy <= v_cap then
    v_capped_due := v_light_due;
    v_capped_others := v_light_others;
  end if;
  if v_heavy > 0 and (
    v_capped_due < v_settings.max_expiry_minimum
    or v_capped_due <= v_fraction * (v_capped_due + v_capped_others)
  ) then
    return 'light';
  end if;
  return 'own';
end;
$$;

revoke execute on function acontext_sessions.expiry_scope(boolean) from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.expiry_scope(boolean) to service_role;
comment on function acontext_sessions.expiry_scope(boolean) is
  'What the expiry limit lets expire. all: nothing is suspicious, not counting sessions with a ttl of their own, which somebody asked for. light: what is suspicious is what few owners have, the heavy ones, whose sessions are held back. own: so many owners'' sessions would expire that a mistake is likelier than disuse, and only those with a ttl of their own do.';

create function acontext_sessions.heavy_owners()
returns setof uuid
language sql
security invoker
stable
set search_path = ''
as $$
  select s.user_id
  from public.session_mappings as s
  where s.status = 'active' and s.ttl is null and s.user_id is not null
    and s.expires_at <= (select acontext_sessions.clock())
  group by s.user_id
  having count(*) > (select acontext_sessions.heavy_owner_from());
$$;

revoke execute on function acontext_sessions.heavy_owners() from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.heavy_owners() to service_role;
comment on function acontext_sessions.heavy_owners() is
  'Owners of more sessions that would expire at once than one is believed to have, those with a ttl of their own not counted.';

drop function acontext_sessions.count_expired(integer);
create function acontext_sessions.count_expired(p_limit integer, p_scope text)
returns integer
language plpgsql
security invoker
stable
set search_path = ''
as $$
declare
  v_now timestamptz := acontext_sessions.clock();
begin
  if p_scope = 'all' then
    return (
      select count(*)::integer from (
        select 1 from public.session_mappings as s
        where s.status = 'active' and s.expires_at <= v_now
          and (
            select true from acontext_sessions.set_aside as a
            where a.session_id = s.id and a.step = 'expiry' and a.next_attempt_at > v_now
          ) is null
        limit p_limit
      ) as c
    );
  end if;
  if p_scope = 'own' then
    -- As the index has it: however much is held back, it costs nothing.
    return (
      select count(*)::integer from (
        select 1 from public.session_mappings as s
        where s.status = 'active' and s.ttl is not null and s.expires_at <= v_now
          and (
            select true from acontext_sessions.set_aside as a
            where a.session_id = s.id and a.step = 'expiry' and a.next_attempt_at > v_now
          ) is null
        limit p_limit
      ) as c
    );
  end if;
  return (
    select count(*)::integer from (
      select 1 from public.session_mappings as s
      where s.status = 'active' and s.expires_at <= v_now
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
      limit p_limit
    ) as c
  );
end;
$$;

revoke execute on function acontext_sessions.count_expired(integer, text) from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.count_expired(integer, text) to service_role;
comment on function acontext_sessions.count_expired(integer, text) is
  'Active sessions past their expiry that a run of this scope would take up, counted up to p_limit.';

create function acontext_sessions.count_held_back(p_limit integer, p_scope text)
returns integer
language plpgsql
security invoker
stable
set search_path = ''
as $$
declare
  v_now timestamptz := acontext_sessions.clock();
begin
  if p_scope = 'all' then
    return 0;
  end if;
  return (
    select count(*)::integer from (
      select 1 from public.session_mappings as s
      where s.status = 'active' and s.expires_at <= v_now and s.ttl is null
        and (p_scope = 'own' or s.user_id in (select h from acontext_sessions.heavy_owners() as h))
      limit p_limit
    ) as c
  );
end;
$$;

revoke execute on function acontext_sessions.count_held_back(integer, text) from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.count_held_back(integer, text) to service_role;
comment on function acontext_sessions.count_held_back(integer, text) is
  'Active sessions past their expiry that the expiry limit holds back in this scope, counted up to p_limit.';

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
