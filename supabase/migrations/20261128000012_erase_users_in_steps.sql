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
-- Not sql: its plan is kept from one call to the next.

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
-- Below deadlock_timeout: whoever deletes a user waits for this.

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
