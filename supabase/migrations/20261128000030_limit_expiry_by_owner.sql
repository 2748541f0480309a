-- Purpose: the limit on mass expiry can judge per owner, so that nobody's sessions keep those of others from expiring.
-- Risk: none; nothing asks it yet.

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
