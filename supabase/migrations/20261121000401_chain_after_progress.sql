-- Purpose: a run that got nothing done calls no other, which would get as little done, and so on without an end.
-- Risk: what such a run leaves waits for the retry job, and a reconcile pass for its own schedule.

alter table private.restamp_state add column moved_at timestamptz;
alter table private.reconcile_state add column moved_at timestamptz;

comment on column private.restamp_state.moved_at is 'When after_id last changed.';
comment on column private.reconcile_state.moved_at is 'When phase or page_cursor last changed.';

create function private.set_moved_at()
returns trigger
language plpgsql
security invoker
set search_path = ''
as $$
begin
  new.moved_at := private.clock();
  return new;
end;
$$;

revoke execute on function private.set_moved_at() from public, anon, authenticated;

comment on function private.set_moved_at() is 'Trigger: stamps a saved position when it moves.';

create trigger set_moved_at
  before update on private.restamp_state
  for each row
  when (old.after_id is distinct from new.after_id)
  execute function private.set_moved_at();

create trigger set_moved_at
  before update on private.reconcile_state
  for each row
  when ((old.phase, old.page_cursor) is distinct from (new.phase, new.page_cursor))
  execute function private.set_moved_at();

create or replace function public.finish_cleanup_run(p_run_id uuid, p_result jsonb)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_run private.cleanup_runs;
  v_got_on boolean;
  v_remaining integer;
  v_dispatched integer := 0;
begin
  update private.cleanup_runs as r
  set status = 'finished',
    finished_at = private.clock(),
    total = coalesce((p_result ->> 'total')::integer, 0),
    deleted = coalesce((p_result ->> 'deleted')::integer, 0),
    failed = coalesce((p_result ->> 'failed')::integer, 0),
    deferred = coalesce((p_result ->> 'deferred')::integer, 0),
    errors = coalesce(p_result -> 'errors', '[]'),
    stop_reason = coalesce(p_result ->> 'stopReason', 'error')
  where r.id = p_run_id and r.status = 'running'
  returning r.* into v_run;
  if not found then
    return jsonb_build_object('remaining', 0, 'dispatched', 0);
  end if;

  v_got_on := v_run.total > v_run.deferred or v_run.expired + v_run.stale > 0
    or exists (select 1 from private.restamp_state as t where t.moved_at >= v_run.started_at);
  v_remaining := private.count_due(v_run.expires_sessions, v_run.force, 100000);
  if v_remaining > 0 and v_got_on and v_run.trigger <> 'manual'
    and v_run.stop_reason in ('limit', 'time_budget', 'shutdown')
  then
    v_dispatched := private.dispatch_cleanup('chain', v_run.expires_sessions, v_run.force);
  end if;
  return jsonb_build_object('remaining', v_remaining, 'dispatched', v_dispatched);
end;
$$;

create or replace function public.finish_reconcile_run(p_run_id uuid, p_result jsonb)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_now timestamptz := private.clock();
  v_run private.cleanup_runs;
  v_got_on boolean;
  v_dispatched integer := 0;
begin
  update private.cleanup_runs as r
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
    or exists (select 1 from private.reconcile_state as t where t.moved_at >= v_run.started_at);
  update private.reconcile_state as t
  set run_id = null, run_until = null
  where t.run_id = p_run_id;
  -- A scheduled pass goes on until it is through; one that a person started does not run away.
  if v_got_on and v_run.request_id is not null and v_run.stop_reason in ('limit', 'time_budget', 'shutdown')
    and private.dispatch_reconcile()
  then
    v_dispatched := 1;
  end if;
  return jsonb_build_object('dispatched', v_dispatched);
end;
$$;

comment on function public.finish_reconcile_run(uuid, jsonb) is
  'Ends a reconcile run once and lets go of the walk; a scheduled run that got on and stopped early calls the next.';
