/**
 * Which migrations a release has. A released migration is never renamed or edited, so these lists only grow.
 *
 * @module
 */

/** The migrations of 0.1.0, in the folder `supabase/migrations`. What is newer is an upgrade for those who have them. */
export const RELEASE_0_1_0 = [
  "20261127000001_create_schema.sql",
  "20261127000002_create_settings.sql",
  "20261127000003_create_session_mappings.sql",
  "20261127000004_create_deletion_queue.sql",
  "20261127000005_guard_remote_ids.sql",
  "20261127000006_create_session_creation.sql",
  "20261127000007_create_session_deletion.sql",
  "20261127000008_create_session_use.sql",
  "20261127000009_create_restamp.sql",
  "20261127000010_create_runs.sql",
  "20261127000011_create_dispatcher.sql",
  "20261127000012_create_reconcile.sql",
  "20261127000013_create_schedule.sql",
  "20261127000014_create_session_health.sql",
  "20261127000015_create_operator_functions.sql",
] as const;
