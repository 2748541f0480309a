-- Purpose: the one row of settings and the log of its changes. Change settings through public.acontext_configure_cleanup, which validates and reschedules.
-- Risk: none; new tables.

create table acontext_sessions.settings (
  only_row boolean primary key default true,
  cleanup_enabled boolean not null default true,
  cleanup_schedule text not null default '0 0 * * *',
  retry_schedule text not null default '*/5 * * * *',
  reconcile_schedule text not null default '0 4 * * 0',
  session_ttl interval not null default interval '30 days',
  provisioning_timeout interval not null default interval '10 minutes',
  deletion_grace interval not null default interval '0',
  orphan_grace interval not null default interval '1 hour',
  touch_granularity interval not null default interval '1 minute',
  max_sessions_per_user integer,
  max_workers integer not null default 4,
  max_per_run integer not null default 2000,
  concurrency integer not null default 16,
  max_expiry_fraction double precision not null default 0.5,
  max_expiry_minimum integer not null default 100,
  log_retention interval not null default interval '90 days',
  updated_at timestamptz not null default acontext_sessions.clock(),
  constraint settings_has_one_row check (only_row),
  constraint session_ttl_in_range
    check (session_ttl between interval '1 minute' and interval '3650 days'),
  -- A provisioning lease lives for at most two minutes; a timeout above that never races a live one.
  constraint provisioning_timeout_in_range
    check (provisioning_timeout between interval '3 minutes' and interval '1 day'),
  constraint deletion_grace_in_range
    check (deletion_grace between interval '0' and interval '1 year'),
  -- Shorter than any request can take to land, and a resource that is being made would look like an orphan.
  constraint orphan_grace_in_range
    check (orphan_grace between interval '10 minutes' and interval '30 days'),
  constraint touch_granularity_in_range
    check (touch_granularity between interval '0' and interval '1 hour'),
  constraint max_sessions_per_user_positive check (max_sessions_per_user > 0),
  constraint max_workers_in_range check (max_workers between 1 and 64),
  constraint max_per_run_in_range check (max_per_run between 1 and 100000),
  constraint concurrency_in_range check (concurrency between 1 and 128),
  constraint max_expiry_fraction_in_range check (max_expiry_fraction > 0 and max_expiry_fraction <= 1),
  constraint max_expiry_minimum_in_range check (max_expiry_minimum >= 1),
  constraint log_retention_in_range
    check (log_retention between interval '1 day' and interval '3650 days')
);

comment on table acontext_sessions.settings is 'Settings of session expiry and cleanup: exactly one row.';
comment on column acontext_sessions.settings.max_expiry_fraction is
  'A sweep expires nothing when more than this share of all active sessions would expire at once.';
comment on column acontext_sessions.settings.max_expiry_minimum is
  'The expiry limit applies only to sweeps that would expire at least this many sessions.';
comment on column acontext_sessions.settings.orphan_grace is
  'How old a remote resource that no session knows must be before reconcile queues it for deletion.';

insert into acontext_sessions.settings default values;

revoke all on acontext_sessions.settings from public, anon, authenticated, service_role;
grant select on acontext_sessions.settings to service_role;

create table acontext_sessions.settings_log (
  log_id bigint generated always as identity primary key,
  changed_at timestamptz not null default acontext_sessions.clock(),
  changed_by text not null,
  old jsonb not null,
  new jsonb not null,
  constraint logged_change_changes_something check (old <> new)
);

comment on table acontext_sessions.settings_log is
  'Changes of settings, append-only: who, when, and the old and new values of what changed. Kept for log_retention.';
comment on column acontext_sessions.settings_log.changed_by is
  'The database role: postgres for the SQL editor, service_role for a secret key.';

create index settings_log_by_age on acontext_sessions.settings_log (changed_at);

revoke all on acontext_sessions.settings_log from public, anon, authenticated, service_role;
revoke all on sequence acontext_sessions.settings_log_log_id_seq from public, anon, authenticated, service_role;
grant select on acontext_sessions.settings_log to service_role;

create function acontext_sessions.log_settings_change()
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
  insert into acontext_sessions.settings_log (changed_by, old, new)
  values (
    -- apply_settings runs as its owner; the role that the API or the caller has set is still known.
    case current_setting('role') when 'none' then session_user::text else current_setting('role') end,
    v_old,
    v_new
  );
  return null;
end;
$$;

revoke execute on function acontext_sessions.log_settings_change() from public, anon, authenticated, service_role;

comment on function acontext_sessions.log_settings_change() is 'Trigger: writes what changed of the settings to the log.';

create trigger log_settings_change
  after update on acontext_sessions.settings
  for each row execute function acontext_sessions.log_settings_change();
