-- Purpose: what the search for remote resources that no session knows needs from the database.
-- Risk: none; new table and functions.

create type acontext_sessions.reconcile_phase as enum ('sessions', 'labels', 'uncertain');

revoke all on type acontext_sessions.reconcile_phase from public, anon, authenticated, service_role;

create table acontext_sessions.reconcile_state (
  only_row boolean primary key default true,
  phase acontext_sessions.reconcile_phase not null default 'sessions',
  page_cursor text,
  pass_started_at timestamptz,
  pass_finished_at timestamptz,
  reconciled_until timestamptz,
  pass_seen integer not null default 0,
  pass_unknown integer not null default 0,
  run_id uuid,
  run_until timestamptz,
  watched_since timestamptz not null default acontext_sessions.clock(),
  moved_at timestamptz,
  constraint reconcile_state_has_one_row check (only_row)
);

comment on table acontext_sessions.reconcile_state is
  'Where the walk over Acontext''s lists stands, and which run holds it: exactly one row.';
comment on column acontext_sessions.reconcile_state.reconciled_until is
  'Whatever sessions that were gone by then left behind has been found. Their receipts, which keep their ids from being used again, stay at least until then.';
comment on column acontext_sessions.reconcile_state.pass_unknown is
  'Queued by this pass so far. However many runs a pass takes, together they queue no more than the share that one may.';
comment on column acontext_sessions.reconcile_state.watched_since is
  'A pass that never ended is overdue counted from here.';
comment on column acontext_sessions.reconcile_state.moved_at is 'When phase or page_cursor last changed.';

insert into acontext_sessions.reconcile_state default values;

revoke all on acontext_sessions.reconcile_state from public, anon, authenticated, service_role;
grant select, update on acontext_sessions.reconcile_state to service_role;

create trigger set_moved_at
  before update on acontext_sessions.reconcile_state
  for each row
  when ((old.phase, old.page_cursor) is distinct from (new.phase, new.page_cursor))
  execute function acontext_sessions.set_moved_at();

create function public.acontext_start_reconcile(p_run_id uuid, p_hold_seconds integer)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_now timestamptz := acontext_sessions.clock();
  v_state acontext_sessions.reconcile_state;
begin
  insert into acontext_sessions.runs as r (id, task, trigger, status, expires_sessions, requested_at, started_at)
  values (p_run_id, 'reconcile', 'manual', 'running', false, v_now, v_now)
  on conflict (id) do update
    set status = 'running', started_at = v_now
    where r.status = 'requested' and r.task = 'reconcile';
  if not found then
    return jsonb_build_object('outcome', 'duplicate');
  end if;

  if not (select s.cleanup_enabled from acontext_sessions.settings as s) then
    update acontext_sessions.runs as r
    set status = 'finished', finished_at = v_now, stop_reason = 'disabled'
    where r.id = p_run_id;
    return jsonb_build_object('outcome', 'disabled');
  end if;

  update acontext_sessions.reconcile_state as t
  set run_id = p_run_id,
    run_until = v_now + make_interval(secs => p_hold_seconds),
    pass_started_at = case
      when t.phase = 'sessions' and t.page_cursor is null then v_now
      else t.pass_started_at
    end,
    pass_seen = case when t.phase = 'sessions' and t.page_cursor is null then 0 else t.pass_seen end,
    pass_unknown = case
      when t.phase = 'sessions' and t.page_cursor is null then 0
      else t.pass_unknown
    end
  where t.run_until is null or t.run_until <= v_now
  returning t.* into v_state;
  if not found then
    update acontext_sessions.runs as r
    set status = 'finished', finished_at = v_now, stop_reason = 'busy'
    where r.id = p_run_id;
    return jsonb_build_object('outcome', 'busy');
  end if;
  return jsonb_build_object(
    'outcome', 'started',
    'phase', v_state.phase,
    'cursor', v_state.page_cursor,
    'seen', v_state.pass_seen,
    'unknown', v_state.pass_unknown
  );
end;
$$;

revoke execute on function public.acontext_start_reconcile(uuid, integer) from public, anon, authenticated, service_role;
grant execute on function public.acontext_start_reconcile(uuid, integer) to service_role;

comment on function public.acontext_start_reconcile(uuid, integer) is
  'Starts a reconcile run where the last one stopped; only one runs at a time. Outcomes: started, duplicate, disabled, busy.';

create function public.acontext_find_unknown_sessions(p_items jsonb)
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  select coalesce(jsonb_agg(i.id order by i.id), '[]')
  from jsonb_to_recordset(p_items) as i (id uuid, "originId" uuid, "createdAt" timestamptz)
  cross join acontext_sessions.settings as t
  where i."createdAt" <= acontext_sessions.clock() - t.orphan_grace
    and not exists (
      select 1 from public.session_mappings as s where s.acontext_session_id = i.id
    )
    -- A session that is being made, or deleted without known ids, looks after what carries its mark.
    and not exists (
      select 1 from public.session_mappings as s where s.id = i."originId" and s.status <> 'active'
    )
    and not exists (
      select 1 from acontext_sessions.deletion_queue as q where q.acontext_session_id = i.id
    );
$$;

revoke execute on function public.acontext_find_unknown_sessions(jsonb) from public, anon, authenticated, service_role;
grant execute on function public.acontext_find_unknown_sessions(jsonb) to service_role;

comment on function public.acontext_find_unknown_sessions(jsonb) is
  'Which of these remote sessions ([{id, originId, createdAt}]) nobody knows and are past the grace period: their ids.';

create function public.acontext_find_unknown_disks(p_items jsonb)
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  select coalesce(jsonb_agg(i.id order by i.id), '[]')
  from jsonb_to_recordset(p_items) as i (id uuid, "originId" uuid, "createdAt" timestamptz)
  cross join acontext_sessions.settings as t
  where i."createdAt" <= acontext_sessions.clock() - t.orphan_grace
    and not exists (
      select 1 from public.session_mappings as s where s.acontext_disk_id = i.id
    )
    and not exists (
      select 1 from public.session_mappings as s where s.id = i."originId" and s.status <> 'active'
    )
    and not exists (
      select 1 from acontext_sessions.deletion_queue as q where q.acontext_disk_id = i.id
    );
$$;

revoke execute on function public.acontext_find_unknown_disks(jsonb) from public, anon, authenticated, service_role;
grant execute on function public.acontext_find_unknown_disks(jsonb) to service_role;

comment on function public.acontext_find_unknown_disks(jsonb) is
  'Which of these disks ([{id, originId, createdAt}]) nobody knows and are past the grace period: their ids.';

create function public.acontext_find_unknown_labels(p_items jsonb)
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  select coalesce(jsonb_agg(i."originId" order by i."originId"), '[]')
  from jsonb_to_recordset(p_items) as i ("originId" uuid, "createdAt" timestamptz)
  cross join acontext_sessions.settings as t
  where i."createdAt" <= acontext_sessions.clock() - t.orphan_grace
    and not exists (select 1 from public.session_mappings as s where s.id = i."originId")
    and not exists (select 1 from acontext_sessions.deletion_queue as q where q.origin_id = i."originId");
$$;

revoke execute on function public.acontext_find_unknown_labels(jsonb) from public, anon, authenticated, service_role;
grant execute on function public.acontext_find_unknown_labels(jsonb) to service_role;

comment on function public.acontext_find_unknown_labels(jsonb) is
  'Which of these labels ([{originId, createdAt}]) belong to no session and are past the grace period: their session ids.';

create function public.acontext_list_uncertain_sessions(p_after uuid, p_limit integer)
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  select coalesce(jsonb_agg(c.session_id order by c.session_id), '[]')
  from (
    select u.session_id
    from acontext_sessions.uncertain_sessions as u
    join public.session_mappings as s on s.id = u.session_id
    cross join acontext_sessions.settings as t
    where u.session_id > p_after
      -- A request may land up to a grace period late, and its disk has to be past the grace period too.
      and u.since <= acontext_sessions.clock() - 2 * t.orphan_grace
      and s.status = 'active'
    order by u.session_id
    limit p_limit
  ) as c;
$$;

revoke execute on function public.acontext_list_uncertain_sessions(uuid, integer) from public, anon, authenticated, service_role;
grant execute on function public.acontext_list_uncertain_sessions(uuid, integer) to service_role;

comment on function public.acontext_list_uncertain_sessions(uuid, integer) is
  'Active sessions, by id after p_after, that may have a second disk and were made so long ago that it would be found.';

create function public.acontext_save_reconcile_progress(
  p_run_id uuid,
  p_phase acontext_sessions.reconcile_phase,
  p_sessions jsonb,
  p_disks jsonb,
  p_checked uuid[],
  p_finished boolean,
  p_cursor text default null,
  p_seen integer default 0,
  p_unknown integer default 0
)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_now timestamptz := acontext_sessions.clock();
  v_queued integer := 0;
  v_item record;
begin
  perform 1 from acontext_sessions.reconcile_state as t where t.run_id = p_run_id for update;
  if not found then
    return jsonb_build_object('outcome', 'lost', 'queued', 0);
  end if;

  for v_item in
    select i."originId" as origin_id,
      coalesce(array_agg(i.id) filter (where i.kind = 'session'), '{}') as session_ids,
      coalesce(array_agg(i.id) filter (where i.kind = 'disk'), '{}') as disk_ids
    from (
      select 'session' as kind, s.id, s."originId"
      from jsonb_to_recordset(p_sessions) as s (id uuid, "originId" uuid)
      where s.id in (
        select u::uuid from jsonb_array_elements_text(public.acontext_find_unknown_sessions(p_sessions)) as u
      )
      union all
      select 'disk', d.id, d."originId"
      from jsonb_to_recordset(p_disks) as d (id uuid, "originId" uuid)
      where d.id in (
        select u::uuid from jsonb_array_elements_text(public.acontext_find_unknown_disks(p_disks)) as u
      )
    ) as i
    group by i."originId"
    order by i."originId"
  loop
    v_queued := v_queued
      + acontext_sessions.queue_orphans(v_item.origin_id, v_item.session_ids, v_item.disk_ids, null);
  end loop;

  -- As in acontext_list_uncertain_sessions: whom a new doubt concerns was not looked into for that.
  delete from acontext_sessions.uncertain_sessions as u
  where u.session_id = any (p_checked)
    and u.since <= v_now - 2 * (select s.orphan_grace from acontext_sessions.settings as s);
  update acontext_sessions.reconcile_state as t
  set phase = p_phase,
    page_cursor = p_cursor,
    pass_seen = t.pass_seen + p_seen,
    pass_unknown = t.pass_unknown + p_unknown,
    pass_finished_at = case when p_finished then v_now else t.pass_finished_at end,
    -- A request may land up to a grace period late, and what it made has to be past the grace period to be found.
    reconciled_until = case
      when p_finished then t.pass_started_at - 2 * (select s.orphan_grace from acontext_sessions.settings as s)
      else t.reconciled_until
    end
  where t.run_id = p_run_id;
  return jsonb_build_object('outcome', 'saved', 'queued', v_queued);
end;
$$;

revoke execute on function public.acontext_save_reconcile_progress(uuid, acontext_sessions.reconcile_phase, jsonb, jsonb, uuid[], boolean, text, integer, integer)
  from public, anon, authenticated, service_role;
grant execute on function public.acontext_save_reconcile_progress(uuid, acontext_sessions.reconcile_phase, jsonb, jsonb, uuid[], boolean, text, integer, integer)
  to service_role;

comment on function public.acontext_save_reconcile_progress(uuid, acontext_sessions.reconcile_phase, jsonb, jsonb, uuid[], boolean, text, integer, integer) is
  'Queues what is still unknown of these resources ([{id, originId, createdAt}]) and moves the walk on, in one step. Outcomes: saved, lost.';

-- Security definer: it calls through Vault, like dispatch_sweep.
create function acontext_sessions.dispatch_reconcile(p_trigger acontext_sessions.run_trigger)
returns boolean
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
  if not (select s.cleanup_enabled from acontext_sessions.settings as s) then
    return false;
  end if;
  return acontext_sessions.call_worker('reconcile', p_trigger, false, false);
end;
$$;

revoke execute on function acontext_sessions.dispatch_reconcile(acontext_sessions.run_trigger) from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.dispatch_reconcile(acontext_sessions.run_trigger) to service_role;

comment on function acontext_sessions.dispatch_reconcile(acontext_sessions.run_trigger) is 'Calls one background reconcile run.';

create function public.acontext_finish_reconcile(p_run_id uuid, p_result jsonb)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_now timestamptz := acontext_sessions.clock();
  v_run acontext_sessions.runs;
  v_got_on boolean;
  v_dispatched integer := 0;
begin
  update acontext_sessions.runs as r
  set status = 'finished',
    finished_at = v_now,
    total = coalesce((p_result ->> 'unknown')::integer, 0),
    errors = coalesce(p_result -> 'errors', '[]'),
    stop_reason = coalesce(p_result ->> 'stopReason', 'error')
  where r.id = p_run_id and r.status = 'running'
  returning r.* into v_run;
  if not found then
    return jsonb_build_object('dispatched', 0);
  end if;
  v_got_on := coalesce((p_result ->> 'queued')::integer, 0) > 0
    or coalesce((p_result ->> 'labelsRemoved')::integer, 0) > 0
    or exists (select 1 from acontext_sessions.reconcile_state as t where t.moved_at >= v_run.started_at);
  update acontext_sessions.reconcile_state as t
  set run_id = null, run_until = null
  where t.run_id = p_run_id;
  -- A scheduled pass continues until it is complete; one that a person started does not continue by itself.
  if v_got_on and v_run.trigger <> 'manual' and v_run.stop_reason in ('limit', 'time_budget', 'shutdown')
    and acontext_sessions.dispatch_reconcile('chain')
  then
    v_dispatched := 1;
  end if;
  return jsonb_build_object('dispatched', v_dispatched);
end;
$$;

revoke execute on function public.acontext_finish_reconcile(uuid, jsonb) from public, anon, authenticated, service_role;
grant execute on function public.acontext_finish_reconcile(uuid, jsonb) to service_role;

comment on function public.acontext_finish_reconcile(uuid, jsonb) is
  'Ends a reconcile run once and lets go of the walk; a scheduled run that got on and stopped early calls the next.';
