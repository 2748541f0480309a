/**
 * Everything that health may find wrong: one table. `docs/operations.md` has a runbook for each, and a test compares
 * them.
 *
 * @module
 */

interface ReasonKind {
  /** `failing`: nothing is deleted until someone acts. `degraded`: it works, but not as it should. */
  severity: "degraded" | "failing";
  /** What to do, in one sentence; the runbook has more. */
  remedy: string;
}

export const HEALTH_REASONS = {
  vault_off: {
    severity: "failing",
    remedy:
      "Switch Vault on, in the SQL editor: create extension supabase_vault with schema vault; then: npm run ops -- rotate-secret",
  },
  vault_unreadable: {
    severity: "failing",
    remedy:
      "Store what the schedule reads from Vault anew, encrypted with the key that Vault has now: npm run ops -- rotate-secret",
  },
  pg_net_off: {
    severity: "failing",
    remedy: "Switch pg_net on, in the SQL editor: create extension pg_net with schema extensions",
  },
  pg_net_unreadable: {
    severity: "failing",
    remedy:
      'Look for the error in the database\'s log, after "acontext_sessions: pg_net cannot be read": grant role postgres what it names, or end whoever has locked the tables of pg_net; the runbook has the query',
  },
  pg_cron_off: {
    severity: "failing",
    remedy:
      "Switch pg_cron on, in the SQL editor: create extension pg_cron with schema pg_catalog; then make the jobs again: npm run ops -- settings set",
  },
  pg_cron_unreadable: {
    severity: "failing",
    remedy:
      'Look for the error in the database\'s log, after "acontext_sessions: pg_cron cannot be read": grant role postgres what it names, or end whoever has locked the tables of pg_cron; the runbook has the query',
  },
  not_configured: {
    severity: "failing",
    remedy:
      "Put the project's URL into Vault: npm run ops -- rotate-secret, with SUPABASE_URL and SUPABASE_SECRET_KEY",
  },
  unusable_url: {
    severity: "failing",
    remedy:
      "Store the project's URL in Vault anew: npm run ops -- rotate-secret, with SUPABASE_URL and SUPABASE_SECRET_KEY",
  },
  unusable_key: {
    severity: "degraded",
    remedy: "Take the key out of Vault, where none is needed: npm run ops -- rotate-secret",
  },
  job_missing: {
    severity: "failing",
    remedy:
      "Create the cron jobs again: npm run ops -- settings set, or select public.acontext_configure_cleanup('{}')",
  },
  wrong_schedule: {
    severity: "failing",
    remedy:
      "Give it a schedule that comes, for example: npm run ops -- settings set cleanup_schedule='0 0 * * *' retry_schedule='* * * * *' reconcile_schedule='0 4 * * 0'",
  },
  job_failing: {
    severity: "failing",
    remedy:
      "Read the error in cron.job_run_details: the runbook has the query, and what the errors mean",
  },
  pg_net_blocked: {
    severity: "failing",
    remedy:
      "See what holds it up: select id, url, timeout_milliseconds from net.http_request_queue order by id; end that request where it goes to, or restart the project in the dashboard (Project Settings, General). net.worker_restart() does not help",
  },
  wrong_server: {
    severity: "failing",
    remedy:
      "Correct the project's URL in Vault: npm run ops -- rotate-secret, with SUPABASE_URL set to this project's",
  },
  worker_unreachable: {
    severity: "failing",
    remedy:
      "http_401: deploy the functions of this version, npm run deploy. http_404: deploy cleanup-sessions. http_500: set the variable that its log names, or apply the migrations that the database lacks (npm run doctor). not_started: look at its log. Otherwise: correct acontext_sessions_project_url in Vault, npm run ops -- rotate-secret",
  },
  acontext_unreachable: {
    severity: "failing",
    remedy:
      "Check that Acontext is up and that ACONTEXT_API_KEY is valid: npm run doctor; the next run continues by itself",
  },
  cleanup_overdue: {
    severity: "failing",
    remedy:
      "Find out why no run succeeds: npm run ops -- runs; then start one: npm run ops -- sweep",
  },
  run_failed: {
    severity: "degraded",
    remedy: "Look for run_failed in the log of cleanup-sessions; the next run continues by itself",
  },
  runs_failing: {
    severity: "failing",
    remedy:
      "Read the error of the last runs: npm run ops -- runs, and run_failed or sweep_run_failed in the log of cleanup-sessions. It does not pass by itself: the runbook says what each error means",
  },
  queueing_failed: {
    severity: "degraded",
    remedy:
      'Look for what it names in the database\'s log, as in "acontext_sessions: expiry_failed", and correct the row or the trigger that stands in the way; the next run goes on by itself',
  },
  sessions_set_aside: {
    severity: "degraded",
    remedy:
      "See which, and why: npm run ops -- stuck; correct the row, or the trigger or check of the app that stands in the way, then try them again: npm run ops -- sweep",
  },
  backlog_growing: {
    severity: "degraded",
    remedy:
      "Find out what is slow: npm run ops -- runs; in the meantime: npm run ops -- sweep. Where Acontext can take more deletes at a time: npm run ops -- settings set max_remote_deletes=48 concurrency=11",
  },
  stuck_sessions: {
    severity: "degraded",
    remedy:
      "See what stands in the way of each: npm run ops -- stuck; then npm run ops -- retry <id>. needs_longer_worker: set WORKER_LIFETIME_MS to what the project's plan allows, at most 400000",
  },
  too_many_expiring: {
    severity: "degraded",
    remedy:
      "See how many are held back: npm run ops -- sweep --dry-run; whose they are: the runbook has the query. Correct session_ttl, or let them go: npm run ops -- sweep --force",
  },
  too_many_erased: {
    severity: "degraded",
    remedy:
      "Restore auth.users, where it is not whole, then look again, in the SQL editor: select acontext_sessions.find_erased_users(); or confirm that these users are deleted: select acontext_sessions.find_erased_users(true)",
  },
  reconcile_overdue: {
    severity: "degraded",
    remedy: "Start the search for unknown resources: npm run ops -- reconcile",
  },
  too_many_unknown: {
    severity: "degraded",
    remedy:
      "Look at what is unknown before anything is deleted: npm run ops -- reconcile --dry-run; is this the right database and namespace?",
  },
  reconcile_skipped: {
    severity: "degraded",
    remedy:
      "See what it is: the runbook says how. Correct or remove it in Acontext, then start a pass: npm run ops -- reconcile. Until then receipts are kept beyond log_retention",
  },
  unproven_resources: {
    severity: "degraded",
    remedy:
      "Upgrade the Acontext server, which cannot tell who owns a disk, and check by hand for the disks listed in acontext_sessions.deletion_log",
  },
  cleanup_disabled: {
    severity: "degraded",
    remedy: "Switch the cleanup on again: npm run ops -- settings set cleanup_enabled=true",
  },
} as const satisfies Record<string, ReasonKind>;

export type ReasonCode = keyof typeof HEALTH_REASONS;
