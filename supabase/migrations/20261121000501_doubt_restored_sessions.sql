-- Purpose: a second disk is found, too, when its session is deleted and restored while reconcile looks for the disk.
-- Risk: one list request by reconcile per restored session.

create or replace function public.restore_session(p_user_id uuid, p_session_id uuid)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_session public.session_mappings;
  v_limit integer;
begin
  select s.* into v_session
  from public.session_mappings as s
  where s.id = p_session_id and s.user_id = p_user_id
  for update;
  if not found then
    return jsonb_build_object('outcome', 'not_found');
  elsif v_session.status <> 'deleting' then
    return jsonb_build_object('outcome', 'not_deleting');
  end if;

  perform 1 from private.deletion_queue as q
    where q.id = p_session_id and q.first_claimed_at is null
      and v_session.acontext_session_id is not null and v_session.acontext_disk_id is not null
    for update;
  if not found then
    return jsonb_build_object('outcome', 'too_late');
  end if;

  -- As in begin_session: who deletes, creates and restores in turn must not collect more than the quota.
  select s.max_sessions_per_user into v_limit from private.settings as s;
  if v_limit is not null then
    perform pg_advisory_xact_lock(hashtextextended('quota:' || p_user_id::text, 0));
    if (
      select count(*) from public.session_mappings as s
      where s.user_id = p_user_id and s.status <> 'deleting'
    ) >= v_limit then
      return jsonb_build_object('outcome', 'quota_exceeded', 'limit', v_limit);
    end if;
  end if;

  update public.session_mappings as s
  set status = 'active', last_activity_at = private.clock()
  where s.id = p_session_id
  returning s.* into v_session;
  -- Reconcile left its mark alone meanwhile, and may have called it certain for that.
  insert into private.uncertain_sessions as u (session_id, since)
  values (p_session_id, private.clock())
  on conflict (session_id) do update set since = excluded.since;
  return jsonb_build_object('outcome', 'restored', 'session', private.session_view(v_session));
end;
$$;

create or replace function public.save_reconcile_progress(
  p_run_id uuid,
  p_phase private.reconcile_phase,
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
  v_now timestamptz := private.clock();
  v_queued integer := 0;
  v_item record;
begin
  perform 1 from private.reconcile_state as t where t.run_id = p_run_id for update;
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
        select u::uuid from jsonb_array_elements_text(public.find_unknown_sessions(p_sessions)) as u
      )
      union all
      select 'disk', d.id, d."originId"
      from jsonb_to_recordset(p_disks) as d (id uuid, "originId" uuid)
      where d.id in (
        select u::uuid from jsonb_array_elements_text(public.find_unknown_disks(p_disks)) as u
      )
    ) as i
    group by i."originId"
    order by i."originId"
  loop
    v_queued := v_queued
      + private.queue_orphans(v_item.origin_id, v_item.session_ids, v_item.disk_ids, null);
  end loop;

  -- As in list_uncertain_sessions: whom a new doubt concerns was not looked into for that.
  delete from private.uncertain_sessions as u
  where u.session_id = any (p_checked)
    and u.since <= v_now - 2 * (select s.orphan_grace from private.settings as s);
  update private.reconcile_state as t
  set phase = p_phase,
    page_cursor = p_cursor,
    pass_seen = t.pass_seen + p_seen,
    pass_unknown = t.pass_unknown + p_unknown,
    pass_finished_at = case when p_finished then v_now else t.pass_finished_at end,
    -- A request may land up to a grace period late, and what it made has to be past the grace period to be found.
    reconciled_until = case
      when p_finished then t.pass_started_at - 2 * (select s.orphan_grace from private.settings as s)
      else t.reconciled_until
    end
  where t.run_id = p_run_id;
  return jsonb_build_object('outcome', 'saved', 'queued', v_queued);
end;
$$;

comment on table private.uncertain_sessions is
  'Sessions that may have a second disk: an answer was lost while they were made, or reconcile had to leave their mark alone. Reconcile looks.';
