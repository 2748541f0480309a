-- Purpose: lets expires_at follow a changed session_ttl in bounded steps.
-- Risk: none; new table and functions.

create function acontext_sessions.set_moved_at()
returns trigger
language plpgsql
security invoker
set search_path = ''
as $$
begin
  new.moved_at := acontext_sessions.clock();
  return new;
end;
$$;

revoke execute on function acontext_sessions.set_moved_at() from public, anon, authenticated, service_role;

comment on function acontext_sessions.set_moved_at() is 'Trigger: stamps a saved position when it moves.';

create table acontext_sessions.restamp_state (
  only_row boolean primary key default true,
  after_id uuid,
  moved_at timestamptz,
  constraint restamp_state_has_one_row check (only_row)
);

comment on table acontext_sessions.restamp_state is
  'How far sessions have the expires_at that follows from the present session_ttl: exactly one row.';
comment on column acontext_sessions.restamp_state.after_id is
  'Sessions up to this id have it; null: all. Ids are in no order of time, so what is made meanwhile may lie on either side; it is stamped as it is made.';
comment on column acontext_sessions.restamp_state.moved_at is 'When after_id last changed.';

insert into acontext_sessions.restamp_state default values;

revoke all on acontext_sessions.restamp_state from public, anon, authenticated, service_role;
grant select, update on acontext_sessions.restamp_state to service_role;

create trigger set_moved_at
  before update on acontext_sessions.restamp_state
  for each row
  when (old.after_id is distinct from new.after_id)
  execute function acontext_sessions.set_moved_at();

create function acontext_sessions.restamp_sessions(p_limit integer)
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
  update acontext_sessions.restamp_state as t set after_id = v_after;
  return v_after is null;
exception
  when lock_not_available or deadlock_detected then
    return false;
end;
$$;

revoke execute on function acontext_sessions.restamp_sessions(integer) from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.restamp_sessions(integer) to service_role;

comment on function acontext_sessions.restamp_sessions(integer) is
  'One bounded step after a change of session_ttl: gives the next p_limit sessions the expires_at that follows from it, or none when others hold one of them. True when all have it.';
