-- Purpose: a change of session_ttl goes through where the API's roles have safeupdate, which refuses an update without where.
-- Risk: none; a function is replaced.

create or replace function acontext_sessions.restamp_sessions(p_limit integer)
returns boolean
language plpgsql
volatile
security invoker
set search_path = ''
-- Below deadlock_timeout: it holds many sessions and waits for more, so of two that wait for each other it gives way.
set lock_timeout = '500ms'
as $$
declare
  v_after uuid;
  v_ids uuid[];
begin
  -- Mostly there is nothing to do, and nobody has to wait to learn it.
  if (select t.after_id is null from acontext_sessions.restamp_state as t) then
    return true;
  end if;
  select t.after_id into v_after from acontext_sessions.restamp_state as t for update;
  if v_after is null then
    return true;
  end if;

  select coalesce(array_agg(n.id order by n.id), '{}') into v_ids
  from (
    select s.id from public.session_mappings as s where s.id > v_after order by s.id limit p_limit
  ) as n;
  update public.session_mappings as s
  set expires_at = s.last_activity_at + t.session_ttl
  from acontext_sessions.settings as t
  where s.id = any (v_ids) and s.ttl is null and not s.pinned and s.status <> 'deleting'
    and s.expires_at is distinct from s.last_activity_at + t.session_ttl;

  v_after := case when cardinality(v_ids) = p_limit then v_ids[p_limit] end;
  update acontext_sessions.restamp_state as t set after_id = v_after where t.only_row;
  return v_after is null;
exception
  when lock_not_available or deadlock_detected then
    return false;
end;
$$;
