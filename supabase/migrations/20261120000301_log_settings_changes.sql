-- Purpose: who changed which setting when, and a purge that keeps up with any number of deletions.
-- Risk: none; a new table, a trigger on the one row of settings, and a purge that removes more at a time.

create table private.settings_log (
  log_id bigint generated always as identity primary key,
  changed_at timestamptz not null default private.clock(),
  changed_by text not null,
  old jsonb not null,
  new jsonb not null,
  constraint logged_change_changes_something check (old <> new)
);

comment on table private.settings_log is
  'Changes of settings, append-only: who, when, and the old and new values of what changed. Kept for log_retention.';
comment on column private.settings_log.changed_by is
  'The database role: postgres for the SQL editor, service_role for a secret key.';

create index settings_log_by_age on private.settings_log (changed_at);

grant select on private.settings_log to service_role;

create function private.log_settings_change()
returns trigger
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_old jsonb;
  v_new jsonb;
begin
  select jsonb_object_agg(o.key, o.value), jsonb_object_agg(o.key, to_jsonb(new) -> o.key)
  into v_old, v_new
  from jsonb_each(to_jsonb(old) - array['only_row', 'updated_at']) as o
  where o.value is distinct from to_jsonb(new) -> o.key;
  if v_old is null then
    return null;
  end if;
  insert into private.settings_log (changed_by, old, new)
  values (
    -- apply_settings runs as its owner; the role that the API or the caller has set is still known.
    case current_setting('role') when 'none' then session_user::text else current_setting('role') end,
    v_old,
    v_new
  );
  return null;
end;
$$;

revoke execute on function private.log_settings_change() from public, anon, authenticated;

comment on function private.log_settings_change() is 'Trigger: writes what changed of the settings to the log.';

create trigger log_settings_change
  after update on private.settings
  for each row execute function private.log_settings_change();

create or replace function private.purge_cleanup_history()
returns integer
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  -- More than any project of this kind deletes in a day: a purge that falls behind is no purge.
  v_limit constant integer := 1000000;
  -- Read once: asked for each row, the time would cost more than the rest.
  v_now constant timestamptz := private.clock();
  v_before timestamptz;
  v_total integer := 0;
  v_count integer;
begin
  select v_now - s.log_retention into v_before from private.settings as s;

  -- Not before reconcile has found what its session may have left behind: the id could be used again.
  delete from private.deletion_log as l where l.log_id in (
    select d.log_id from private.deletion_log as d
    where d.finished_at < v_before
      and d.finished_at < (select t.reconciled_until from private.reconcile_state as t)
    order by d.finished_at limit v_limit
  );
  get diagnostics v_count = row_count;
  v_total := v_total + v_count;

  delete from private.cleanup_runs as r where r.id in (
    select d.id from private.cleanup_runs as d
    where d.requested_at < v_before order by d.requested_at limit v_limit
  );
  get diagnostics v_count = row_count;
  v_total := v_total + v_count;

  delete from private.settings_log as l where l.log_id in (
    select d.log_id from private.settings_log as d
    where d.changed_at < v_before order by d.changed_at limit v_limit
  );
  get diagnostics v_count = row_count;
  v_total := v_total + v_count;

  -- A client that repeats a call does so within hours.
  delete from private.message_keys as k where (k.session_id, k.key_hash) in (
    select d.session_id, d.key_hash from private.message_keys as d
    where d.created_at < v_now - interval '2 days' order by d.created_at limit v_limit
  );
  get diagnostics v_count = row_count;
  v_total := v_total + v_count;

  -- Other jobs of the project may want a longer history than a week; ours do not.
  delete from cron.job_run_details as d where d.runid in (
    -- By command: a job that was made anew has another id. What a crash ended has no end.
    select r.runid
    from cron.job_run_details as r
    where r.command like 'select private.%'
      and coalesce(r.end_time, r.start_time) < v_now - interval '7 days'
    order by r.runid limit v_limit
  );
  get diagnostics v_count = row_count;
  return v_total + v_count;
end;
$$;

comment on function private.purge_cleanup_history() is
  'Removes receipts, runs and changes of settings older than log_retention, message keys older than two days and our cron history older than a week; at most a million of each at a time.';
