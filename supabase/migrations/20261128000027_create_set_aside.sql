-- Purpose: a place for sessions that a step cannot process, with the reason and the time of the next attempt.
-- Risk: none; a new table and functions.

create table acontext_sessions.set_aside (
  -- No foreign key: it would cost every row that leaves session_mappings a look at this table.
  session_id uuid not null,
  step text not null,
  problem text not null,
  attempts integer not null default 1,
  since timestamptz not null default acontext_sessions.clock(),
  next_attempt_at timestamptz not null,
  primary key (session_id, step),
  constraint set_aside_step_is_known check (step in ('restamp', 'stale', 'expiry', 'erased', 'purge'))
);
create index set_aside_due on acontext_sessions.set_aside (step, next_attempt_at);

comment on table acontext_sessions.set_aside is
  'Sessions that a step cannot process, because a value, a check or a trigger stands in the way: left out until their next attempt. Empty while all is well.';
comment on column acontext_sessions.set_aside.session_id is
  'The nil id where it is no session: history that cannot be purged.';
comment on column acontext_sessions.set_aside.problem is 'The SQLSTATE of the last attempt; the database''s log has the text.';

revoke all on acontext_sessions.set_aside from public, anon, authenticated, service_role;
grant select, insert, update, delete on acontext_sessions.set_aside to service_role;

create function acontext_sessions.put_aside(p_session_id uuid, p_step text, p_problem text)
returns void
language sql
security invoker
volatile
set search_path = ''
as $$
  insert into acontext_sessions.set_aside as a (session_id, step, problem, since, next_attempt_at)
  values (
    p_session_id, p_step, p_problem, acontext_sessions.clock(), acontext_sessions.clock() + interval '1 minute'
  )
  on conflict (session_id, step) do update
    set problem = excluded.problem,
      attempts = least(a.attempts, 1000) + 1,
      next_attempt_at = acontext_sessions.clock()
        + least(interval '1 minute' * power(2, least(greatest(a.attempts, 0), 11)), interval '1 day');
$$;

revoke execute on function acontext_sessions.put_aside(uuid, text, text) from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.put_aside(uuid, text, text) to service_role;
comment on function acontext_sessions.put_aside(uuid, text, text) is
  'Notes that a step cannot process a session, and when it tries again: after a minute, then after twice as long each time, a day at most.';

create function acontext_sessions.clear_set_aside(p_try_again boolean)
returns integer
language plpgsql
security invoker
volatile
set search_path = ''
as $$
declare
  v_count integer;
begin
  -- As nearly always.
  if not exists (select 1 from acontext_sessions.set_aside) then
    return 0;
  end if;
  delete from acontext_sessions.set_aside as a
  -- A purge looks after its own.
  where a.step <> 'purge' and not exists (
    select 1 from public.session_mappings as s
    where s.id = a.session_id
      and case a.step
        when 'restamp' then s.status <> 'deleting' and s.ttl is null and not s.pinned
        when 'stale' then s.status = 'provisioning'
        when 'expiry' then s.status = 'active' and s.expires_at <= acontext_sessions.clock()
        else exists (select 1 from acontext_sessions.erased_users as e where e.user_id = s.user_id and not e.held_back)
      end
  );
  get diagnostics v_count = row_count;
  if p_try_again then
    update acontext_sessions.set_aside as a
    set next_attempt_at = acontext_sessions.clock()
    where a.next_attempt_at > acontext_sessions.clock();
  end if;
  return v_count;
end;
$$;

revoke execute on function acontext_sessions.clear_set_aside(boolean) from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.clear_set_aside(boolean) to service_role;
comment on function acontext_sessions.clear_set_aside(boolean) is
  'Forgets what was set aside and is gone, or that its step no longer concerns: how many. With p_try_again the others are tried by the next run.';

create function public.acontext_list_set_aside(p_limit integer)
returns jsonb
language sql
security invoker
stable
set search_path = ''
as $$
  select coalesce(jsonb_agg(
    jsonb_build_object(
      'id', a.session_id,
      'step', a.step,
      'problem', a.problem,
      'attempts', a.attempts,
      'since', a.since,
      'nextAttemptAt', a.next_attempt_at
    ) order by a.since, a.session_id, a.step
  ), '[]')
  from (
    select d.* from acontext_sessions.set_aside as d
    order by d.since, d.session_id, d.step limit least(greatest(p_limit, 0), 1000)
  ) as a;
$$;

revoke execute on function public.acontext_list_set_aside(integer) from public, anon, authenticated, service_role;
grant execute on function public.acontext_list_set_aside(integer) to service_role;
comment on function public.acontext_list_set_aside(integer) is
  'Sessions that a step cannot process and that are tried again later, oldest first, at most 1,000: which step, and the SQLSTATE.';

-- Of what is not the row's fault: locks, a lack of resources, an operator's intervention, a broken system.
create function acontext_sessions.passes_by_itself(p_sqlstate text)
returns boolean
language sql
security invoker
immutable
set search_path = ''
as $$
  -- Of class 55 not the rest: 55000 is what a trigger of the app raises for a state that it does not want.
  select left(p_sqlstate, 2) in ('40', '53', '57', '58', 'XX') or p_sqlstate in ('55P03', '55006');
$$;

revoke execute on function acontext_sessions.passes_by_itself(text) from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.passes_by_itself(text) to service_role;
comment on function acontext_sessions.passes_by_itself(text) is
  'Whether an error with this SQLSTATE has nothing to do with the row that met it: no row is set aside for it.';
