-- Tables, columns, types, named constraints and indexes.
begin;
\ir helpers/arrange.psql
select no_plan();

select enum_has_labels('public', 'acontext_session_status', array['provisioning', 'active', 'deleting']);
select enum_has_labels(
  'acontext_sessions', 'deletion_reason', array['requested', 'expired', 'user_deleted', 'stale', 'orphan']
);
select enum_has_labels('acontext_sessions', 'deletion_proof', array['deleted', 'absent', 'unproven']);
select enum_has_labels('acontext_sessions', 'reconcile_phase', array['sessions', 'labels', 'uncertain']);
select enum_has_labels('acontext_sessions', 'run_status', array['requested', 'running', 'finished']);
select enum_has_labels('acontext_sessions', 'run_trigger', array['schedule', 'retry', 'chain', 'manual']);
select enum_has_labels('acontext_sessions', 'run_task', array['sweep', 'reconcile']);

select columns_are('public', 'session_mappings', array[
  'id', 'user_id', 'status', 'title', 'metadata', 'pinned', 'ttl', 'message_count', 'acontext_session_id',
  'acontext_disk_id', 'created_at', 'updated_at', 'last_activity_at', 'expires_at', 'last_write_at', 'message_count_is_exact'
]);
select columns_are('acontext_sessions', 'deletion_queue', array[
  'id', 'origin_id', 'reason', 'user_id', 'acontext_session_id', 'acontext_disk_id', 'requested_at', 'attempts',
  'next_attempt_at', 'first_claimed_at', 'lease_id', 'leased_until', 'session_gone_at', 'session_proof',
  'disk_gone_at', 'disk_proof', 'last_error', 'messages', 'session_in_doubt', 'disk_in_doubt', 'slow', 'holds_slot',
  'repeated_deletes', 'session_ms'
]);
select columns_are('acontext_sessions', 'deletion_log', array[
  'log_id', 'id', 'origin_id', 'reason', 'user_id', 'acontext_session_id', 'acontext_disk_id', 'session_proof',
  'session_gone_at', 'disk_proof', 'disk_gone_at', 'attempts', 'requested_at', 'finished_at', 'messages',
  'session_ms', 'repeated_deletes'
]);
select columns_are('acontext_sessions', 'provisioning_leases', array['session_id', 'lease_id', 'leased_until']);
select columns_are('acontext_sessions', 'message_keys', array[
  'session_id', 'key_hash', 'body_hash', 'mark', 'lease_id', 'leased_until', 'attempts', 'counted', 'message_id',
  'message_created_at', 'created_at'
]);
select columns_are('acontext_sessions', 'uncertain_sessions', array['session_id', 'since']);
select columns_are('acontext_sessions', 'reconcile_state', array[
  'only_row', 'phase', 'page_cursor', 'pass_started_at', 'pass_finished_at', 'reconciled_until', 'pass_seen', 'pass_unknown',
  'run_id', 'run_until', 'watched_since', 'moved_at', 'pass_grace', 'pass_skipped', 'last_skipped'
]);
select columns_are('acontext_sessions', 'set_aside', array[
  'session_id', 'step', 'problem', 'attempts', 'since', 'next_attempt_at'
]);
select columns_are('acontext_sessions', 'restamp_state', array['only_row', 'after_id', 'moved_at']);
select columns_are('acontext_sessions', 'settings_log', array['log_id', 'changed_at', 'changed_by', 'old', 'new']);
select columns_are('acontext_sessions', 'runs', array[
  'id', 'task', 'trigger', 'status', 'expires_sessions', 'force', 'expiry_allowed', 'requested_at', 'started_at',
  'finished_at', 'request_id', 'total', 'deleted', 'failed', 'deferred', 'expired', 'stale', 'errors', 'stop_reason',
  'slots', 'probe_ms', 'expiry_scope'
]);
select columns_are('acontext_sessions', 'calls', array['run_id', 'request_id', 'answers_oid', 'called_at', 'taken_at']);
select is(
  (select c.relpersistence::text from pg_class as c where c.oid = 'acontext_sessions.calls'::regclass), 'u',
  'what is known of calls is lost in the same crash as pg_net''s own tables'
);
select columns_are('acontext_sessions', 'settings', array[
  'only_row', 'cleanup_enabled', 'cleanup_schedule', 'retry_schedule', 'reconcile_schedule', 'session_ttl',
  'provisioning_timeout', 'deletion_grace', 'orphan_grace', 'touch_granularity', 'max_sessions_per_user', 'max_workers', 'max_per_run', 'concurrency',
  'max_expiry_fraction', 'max_expiry_minimum', 'log_retention', 'updated_at', 'max_remote_deletes', 'max_messages_per_session', 'refuse_banned_users',
  'disable_task_tracking', 'max_sessions_per_anonymous_user', 'max_creations_per_minute', 'max_deletions_per_minute',
  'max_stores_per_minute', 'max_file_writes_per_minute'
]);
select columns_are('acontext_sessions', 'user_rates', array['user_id', 'action', 'spent_until', 'taken_at']);
select is(
  (select c.relpersistence::text from pg_class as c where c.oid = 'acontext_sessions.user_rates'::regclass), 'u',
  'how fast users go on is not worth a write to the log'
);

select col_type_is('public', 'session_mappings', c.name, c.type, c.name || ' is ' || c.type)
from (values
  ('id', 'uuid'), ('user_id', 'uuid'), ('status', 'acontext_session_status'), ('title', 'text'), ('metadata', 'jsonb'),
  ('pinned', 'boolean'), ('ttl', 'interval'), ('message_count', 'integer'), ('acontext_session_id', 'uuid'),
  ('acontext_disk_id', 'uuid'), ('created_at', 'timestamp with time zone'),
  ('updated_at', 'timestamp with time zone'), ('last_activity_at', 'timestamp with time zone'),
  ('expires_at', 'timestamp with time zone')
) as c (name, type);
select bag_eq(
  $$select attname::text from pg_attribute
    where attrelid = 'public.session_mappings'::regclass and attnum > 0 and not attnotnull$$,
  array['user_id', 'title', 'ttl', 'acontext_session_id', 'acontext_disk_id', 'expires_at', 'last_write_at'],
  'the columns that may be null are the known ones'
);

-- The settings of design and documentation.
create temporary table fresh_settings (like acontext_sessions.settings including defaults);
insert into fresh_settings default values;
select results_eq(
  'select to_jsonb(s) - array[''only_row'', ''updated_at''] from fresh_settings as s',
  $$values ('{
    "cleanup_enabled": true, "cleanup_schedule": "0 0 * * *", "retry_schedule": "* * * * *",
    "reconcile_schedule": "0 4 * * 0", "session_ttl": "30 days", "provisioning_timeout": "00:10:00",
    "deletion_grace": "00:00:00", "orphan_grace": "01:00:00",
    "touch_granularity": "00:01:00", "max_sessions_per_user": 1000, "max_workers": 4, "max_per_run": 2000,
    "concurrency": 7, "max_remote_deletes": 32, "max_messages_per_session": null, "refuse_banned_users": true, "disable_task_tracking": false,
    "max_expiry_fraction": 0.5, "max_expiry_minimum": 100, "log_retention": "90 days",
    "max_sessions_per_anonymous_user": 50, "max_creations_per_minute": 30, "max_deletions_per_minute": 120,
    "max_stores_per_minute": 600, "max_file_writes_per_minute": 120
  }'::jsonb)$$,
  'the settings have their documented defaults'
);
select throws_ok(
  'insert into acontext_sessions.settings default values', '23505', null, 'there is one row of settings'
);
select throws_ok(
  'insert into acontext_sessions.settings (only_row) values (false)', '23514', null, 'and no other can be added'
);

-- Constraints by name, so that no migration loses one.
select bag_eq(
  $$select conname::text from pg_constraint where conrelid = 'public.session_mappings'::regclass and contype <> 'n'$$,
  array[
    'session_mappings_pkey', 'id_is_not_nil', 'acontext_session_id_is_not_shared',
    'acontext_disk_id_is_not_shared', 'active_session_has_both_remote_ids', 'session_has_owner_unless_deleting',
    'title_is_short', 'metadata_is_object', 'metadata_is_small', 'ttl_in_range', 'message_count_not_negative',
    'pinned_never_expires', 'times_in_range'
  ],
  'session_mappings has its constraints'
);
select is_empty(
  'select conname from pg_constraint where not convalidated', 'no constraint waits for rows of before to be checked'
);
select bag_eq(
  $$select conname::text from pg_constraint where conrelid = 'acontext_sessions.deletion_queue'::regclass and contype <> 'n'$$,
  array[
    'deletion_queue_pkey', 'queued_id_is_not_nil', 'lease_has_id_and_end', 'session_gone_has_proof',
    'disk_gone_has_proof', 'attempts_not_negative'
  ],
  'deletion_queue has its constraints'
);
select bag_eq(
  $$select conname::text from pg_constraint where conrelid = 'acontext_sessions.runs'::regclass and contype <> 'n'$$,
  array['runs_pkey', 'finished_run_has_reason', 'errors_is_array', 'run_expiry_scope_is_known'],
  'runs has its constraints'
);
select bag_eq(
  $$select conname::text from pg_constraint where conrelid = 'acontext_sessions.settings'::regclass and contype <> 'n'$$,
  array[
    'settings_pkey', 'settings_has_one_row', 'session_ttl_in_range', 'provisioning_timeout_in_range',
    'deletion_grace_in_range', 'orphan_grace_in_range', 'touch_granularity_in_range', 'max_sessions_per_user_positive',
    'max_workers_in_range', 'max_per_run_in_range', 'concurrency_in_range', 'max_expiry_fraction_in_range',
    'max_expiry_minimum_in_range', 'log_retention_in_range', 'max_remote_deletes_in_range',
    'max_messages_per_session_positive', 'deletes_of_workers_within_limit', 'max_sessions_per_anonymous_user_positive',
    'max_creations_per_minute_in_range', 'max_deletions_per_minute_in_range', 'max_stores_per_minute_in_range',
    'max_file_writes_per_minute_in_range'
  ],
  'settings has its constraints'
);
select is_empty(
  $$select conname from pg_constraint where conrelid = 'public.session_mappings'::regclass and contype = 'f'$$,
  'no foreign key changes all sessions of a user in one statement'
);

select throws_ok(
  $$insert into public.session_mappings (id, user_id)
    values ('00000000-0000-0000-0000-000000000000', tests.alice())$$,
  '23514', 'new row for relation "session_mappings" violates check constraint "id_is_not_nil"',
  'the nil id is refused: Acontext reads it as no id'
);
select throws_ok(
  $$insert into acontext_sessions.deletion_queue (id, origin_id, reason)
    values ('00000000-0000-0000-0000-000000000000', tests.session(1), 'orphan')$$,
  '23514', 'new row for relation "deletion_queue" violates check constraint "queued_id_is_not_nil"',
  'the nil id is refused in the queue'
);
select lives_ok('select tests.make_active(1, p_ttl_seconds => 60)', 'a lifetime of a minute is accepted');
select lives_ok('select tests.make_active(2, p_ttl_seconds => 315360000)', 'a lifetime of ten years is accepted');
select throws_ok(
  'select tests.begin(3, p_ttl_seconds => 59)', '23514',
  'new row for relation "session_mappings" violates check constraint "ttl_in_range"',
  'a lifetime below a minute is refused'
);
select throws_ok(
  'select tests.begin(3, p_ttl_seconds => 315360000 + 86400)', '23514',
  'new row for relation "session_mappings" violates check constraint "ttl_in_range"',
  'a lifetime above ten years is refused'
);
select is(
  (select tests.begin(2) -> 'session' -> 'ttl'),
  '315360000'::jsonb,
  'a lifetime is answered in seconds, as it was given'
);

-- Indexes
select bag_eq(
  $$select indexrelid::regclass::text from pg_index where indrelid = 'public.session_mappings'::regclass$$,
  array[
    'session_mappings_pkey', 'acontext_session_id_is_not_shared', 'acontext_disk_id_is_not_shared',
    'session_mappings_list', 'session_mappings_user_id', 'session_mappings_by_expiry', 'session_mappings_by_own_expiry',
    'session_mappings_provisioning'
  ],
  'session_mappings has its indexes, and no more to maintain on every write'
);
select bag_eq(
  $$select indexrelid::regclass::text from pg_index where indrelid = 'acontext_sessions.deletion_queue'::regclass$$,
  array[
    'acontext_sessions.deletion_queue_pkey', 'acontext_sessions.deletion_queue_due', 'acontext_sessions.deletion_queue_acontext_session_id',
    'acontext_sessions.deletion_queue_acontext_disk_id', 'acontext_sessions.deletion_queue_origin_id', 'acontext_sessions.deletion_queue_stuck',
    'acontext_sessions.deletion_queue_slots', 'acontext_sessions.deletion_queue_long'
  ],
  'deletion_queue has its indexes'
);
select is_empty(
  $$select f.conrelid::regclass, f.conname
    from pg_constraint as f
    where f.contype = 'f' and f.connamespace in ('public'::regnamespace, 'acontext_sessions'::regnamespace)
      and not exists (
        select 1 from pg_index as i
        where i.indrelid = f.conrelid and i.indpred is null and i.indkey[0] = f.conkey[1]
      )$$,
  'every foreign key is indexed'
);

-- Triggers
select bag_eq(
  $$select tgrelid::regclass || ' ' || tgname from pg_trigger where not tgisinternal
      and tgrelid in ('public.session_mappings'::regclass, 'acontext_sessions.deletion_queue'::regclass) and tgenabled = 'O'$$,
  array[
    'session_mappings guard_session_change', 'session_mappings follow_session_status',
    'session_mappings guard_session_delete', 'session_mappings refuse_truncate', 'session_mappings bound_changes_at_once', 'session_mappings stamp_session',
    'acontext_sessions.deletion_queue guard_queue_change', 'acontext_sessions.deletion_queue prepare_deletion', 'acontext_sessions.deletion_queue refuse_truncate'
  ],
  'every guard is in place and enabled'
);

select * from finish();
rollback;
