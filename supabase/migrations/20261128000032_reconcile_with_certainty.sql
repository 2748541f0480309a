-- Purpose: reconcile is certain of nothing that it skipped, nor by another grace period than the one that its walk used.
-- Risk: none; deployed functions report nothing skipped, as before.

alter table acontext_sessions.reconcile_state
  -- Of a walk that is under way nobody knows what it has used: the most that there can be.
  add column pass_grace interval not null default interval '30 days',
  add column pass_skipped integer not null default 0,
  add column last_skipped integer not null default 0;

comment on column acontext_sessions.reconcile_state.pass_grace is
  'The longest orphan_grace that this pass has used.';
comment on column acontext_sessions.reconcile_state.pass_skipped is
  'Items of Acontext''s lists that this pass could not read. A pass that skipped any leaves reconciled_until as it is.';
comment on column acontext_sessions.reconcile_state.last_skipped is
  'pass_skipped of the last pass that ended.';

create or replace function public.acontext_start_reconcile(
  p_run_id       uuid,
  p_hold_seconds integer
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_now timestamptz := acontext_sessions.clock();
  v_grace interval := (select s.orphan_grace from acontext_sessions.settings as s);
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
    pass_grace = case
      when t.phase = 'sessions' and t.page_cursor is null then v_grace
      else least(greatest(t.pass_grace, v_grace), interval '30 days')
    end,
    pass_skipped = case when t.phase = 'sessions' and t.page_cursor is null then 0 else t.pass_skipped end,
    pass_seen = case when t.phase = 'sessions' and t.page_cursor is null then 0 else t.pass_seen end,
    pass_unknown = case
      when t.phase = 'sessions' and t.page_cursor is null then 0
      else t.pass_unknown
    end
  -- No run holds it for longer than an hour: the clock was set back since.
  where t.run_until is null or t.run_until <= v_now or t.run_until > v_now + interval '1 day'
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

drop function public.acontext_save_reconcile_progress(uuid, acontext_sessions.reconcile_phase, jsonb, jsonb, uuid[], boolean, text, integer, integer);
create function public.acontext_save_reconcile_progress(
  p_run_id   uuid,
  p_phase    acontext_sessions.reconcile_phase,
  p_sessions jsonb,
  p_disks    jsonb,
  p_checked  uuid[],
  p_finished boolean,
  p_cursor   text                              default NULL::text,
  p_seen     integer                           default 0,
  p_unknown  integer                           default 0,
  p_skipped  integer                           default 0
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_now timestamptz := acontext_sessions.clock();
  v_grace interval;
  v_pass_skipped integer;
  v_queued integer := 0;
  v_skipped integer := coalesce(p_skipped, 0);
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
    begin
      v_queued := v_queued
        + acontext_sessions.queue_orphans(v_item.origin_id, v_item.session_ids, v_item.disk_ids, null);
    exception when others then
      if acontext_sessions.passes_by_itself(sqlstate) then
        raise;
      end if;
      -- The next pass meets it again. The others are queued.
      raise warning 'acontext_sessions: orphan_failed: session %: % (%)', v_item.origin_id, sqlerrm, sqlstate;
      v_skipped := v_skipped + 1;
    end;
  end loop;

  -- No more than orphan_grace can be.
  select least(greatest(t.pass_grace, s.orphan_grace), interval '30 days'),
    least(2147483647, t.pass_skipped::bigint + v_skipped)::integer
  into v_grace, v_pass_skipped
  from acontext_sessions.reconcile_state as t cross join acontext_sessions.settings as s;

  -- As in acontext_list_uncertain_sessions: whom a new doubt concerns was not looked into for that.
  delete from acontext_sessions.uncertain_sessions as u
  where u.session_id = any (p_checked)
    and u.since <= v_now - 2 * v_grace;
  update acontext_sessions.reconcile_state as t
  set phase = p_phase,
    page_cursor = p_cursor,
    pass_seen = least(2147483647, t.pass_seen::bigint + p_seen)::integer,
    pass_unknown = least(2147483647, t.pass_unknown::bigint + p_unknown)::integer,
    pass_skipped = v_pass_skipped,
    last_skipped = case when p_finished then v_pass_skipped else t.last_skipped end,
    pass_grace = v_grace,
    pass_finished_at = case when p_finished then v_now else t.pass_finished_at end,
    -- A request may land up to a grace period late, and what it made has to be past the grace period to be found.
    reconciled_until = case
      -- What was skipped may be what such a session left behind.
      when p_finished and v_pass_skipped = 0
        then greatest(least(t.pass_started_at, v_now), '2000-01-01 00:00:00+00') - 2 * v_grace
      else t.reconciled_until
    end
  where t.run_id = p_run_id;
  return jsonb_build_object('outcome', 'saved', 'queued', v_queued);
end;
$$;

revoke execute on function public.acontext_save_reconcile_progress(uuid, acontext_sessions.reconcile_phase, jsonb, jsonb, uuid[], boolean, text, integer, integer, integer)
  from public, anon, authenticated, service_role;
grant execute on function public.acontext_save_reconcile_progress(uuid, acontext_sessions.reconcile_phase, jsonb, jsonb, uuid[], boolean, text, integer, integer, integer)
  to service_role;
comment on function public.acontext_save_reconcile_progress(uuid, acontext_sessions.reconcile_phase, jsonb, jsonb, uuid[], boolean, text, integer, integer, integer) is
  'Queues what is still unknown of these resources ([{id, originId, createdAt}]) and moves the walk on, in one step. A pass that ends without having skipped anything moves reconciled_until, by the longest grace period that it used. Outcomes: saved, lost.';
