-- Purpose: a session of a deleted user that cannot change is set aside, and the step goes on with all others.
-- Risk: none; as for the other steps.

create or replace function acontext_sessions.queue_erased(p_limit integer)
returns integer
language plpgsql
-- Security definer: in a deletion of a user it runs as whoever deletes.
security definer
volatile
set search_path = ''
set lock_timeout = '500ms'
as $$
declare
  v_now timestamptz := acontext_sessions.clock();
  v_user_id uuid;
  v_ids uuid[];
  v_id uuid;
  v_count integer := 0;
  v_changed integer;
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
        where s.user_id = v_user_id and (
            select true from acontext_sessions.set_aside as a
            where a.session_id = s.id and a.step = 'erased' and a.next_attempt_at > v_now
          ) is null
        limit p_limit - v_count for update skip locked
      ) as f;
      -- The triggers do the rest: a session that loses its owner is queued, or loses its grace period.
      begin
        update public.session_mappings as s set user_id = null where s.id = any (v_ids);
        get diagnostics v_changed = row_count;
        if v_changed < cardinality(v_ids) then
          raise exception 'a trigger keeps a session as it is';
        end if;
        v_count := v_count + cardinality(v_ids);
        delete from acontext_sessions.set_aside as a where a.session_id = any (v_ids);
      exception when others then
        if acontext_sessions.passes_by_itself(sqlstate) then
          -- Waited for once: each of the others would have to wait as long.
          exit users;
        end if;
        -- A trigger, a check or a value of the app keeps one of them. The others go, each by itself.
        foreach v_id in array v_ids loop
          begin
            update public.session_mappings as s set user_id = null where s.id = v_id;
            if not found then
              raise exception 'a trigger keeps it as it is';
            end if;
            v_count := v_count + 1;
            delete from acontext_sessions.set_aside as a where a.session_id = v_id;
          exception when others then
            if acontext_sessions.passes_by_itself(sqlstate) then
              exit users;
            end if;
            raise warning 'acontext_sessions: erased_failed: session %: % (%)', v_id, sqlerrm, sqlstate;
            perform acontext_sessions.put_aside(v_id, 'erased', sqlstate);
          end;
        end loop;
      end;
      exit users when v_count >= p_limit;
      continue users when exists (select 1 from public.session_mappings as s where s.user_id = v_user_id);
    end if;
    delete from acontext_sessions.erased_users as e where e.user_id = v_user_id;
  end loop;
  return v_count;
exception
  when lock_not_available or deadlock_detected then
    return 0;
end;
$$;

comment on function acontext_sessions.queue_erased(integer) is
  'One bounded step after users were deleted: takes the owner from up to p_limit of their sessions, which queues them, and answers how many. What others hold is left for the next step; what cannot change is set aside.';

create or replace function acontext_sessions.count_erased(p_limit integer)
returns integer
language sql
security invoker
stable
set search_path = ''
as $$
  select count(*)::integer from (
    select 1
    from acontext_sessions.erased_users as e
    cross join lateral (
      select 1 from public.session_mappings as s
      where s.user_id = e.user_id and (
        select true from acontext_sessions.set_aside as a
        where a.session_id = s.id and a.step = 'erased' and a.next_attempt_at > acontext_sessions.clock()
      ) is null
      limit p_limit
    ) as f
    where not e.held_back
    limit p_limit
  ) as c;
$$;

comment on function acontext_sessions.count_erased(integer) is
  'Sessions of deleted users that are neither queued nor set aside, counted up to p_limit.';
