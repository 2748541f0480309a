/**
 * What the database reports about its health: `public.acontext_session_health`. Times are ISO 8601, durations seconds.
 *
 * @module
 */
import * as z from "zod";

/** Failed attempts from which a deletion counts as stuck; the database has the same number. */
export const STUCK_ATTEMPTS = 10;

const count = z.number().int().nonnegative();

/** Exact up to 10,000 (what is due or expired: 100,000), an estimate above. */
const cappedCount = z.object({ count, estimated: z.boolean() });

/** Negative when the clock of the database was set back. */
const seconds = z.number().int();

/** `off`: the extension is switched off; `unreadable`: asking it failed. */
const extensionState = z.enum(["ok", "off", "unreadable"]);

const settingValue = z.union([z.string(), z.number(), z.boolean(), z.null()]);

export const runSchema = z.object({
  id: z.string(),
  task: z.enum(["sweep", "reconcile"]),
  trigger: z.string(),
  status: z.enum(["requested", "running", "finished"]),
  stopReason: z.string().nullable(),
  requestedAt: z.string(),
  startedAt: z.string().nullable(),
  finishedAt: z.string().nullable(),
  total: count,
  deleted: count,
  failed: count,
  deferred: count,
  expired: count,
  stale: count,
  errors: z.array(z.object({ id: z.string(), error: z.string() })),
});

export const healthFactsSchema = z.object({
  time: z.string(),
  sessions: z.object({ provisioning: cappedCount, active: cappedCount, deleting: cappedCount }),
  queue: z.object({
    entries: cappedCount,
    due: cappedCount,
    /** Active sessions past their expiry, which the next nightly run takes up. */
    expired: cappedCount,
    /** Failed `STUCK_ATTEMPTS` times or more. */
    stuck: cappedCount,
    /** How long the oldest due entry has been due; null when nothing is. */
    dueForSeconds: seconds.nullable(),
    expiredForSeconds: seconds.nullable(),
    /** Age of the oldest request, looked for among the 10,000 entries that are due first. */
    oldestSeconds: seconds.nullable(),
    /** How long ago the first of the deleted users was noted who still have sessions outside the queue; null without any. */
    erasedForSeconds: seconds.nullable(),
    /** Owners who are missing from Auth, and so many at once that nothing of theirs is queued. */
    missingOwners: cappedCount,
    /** What a step of a run cannot process and tries again later. */
    setAside: cappedCount,
    /** For how long the first of these; null without any. */
    setAsideForSeconds: seconds.nullable(),
    /** Deletes of the last seven days that were sent although an earlier one may have had an effect. */
    repeatedDeletes: count,
  }),
  runs: z.object({
    recent: z.array(runSchema),
    lastSuccessSeconds: seconds.nullable(),
    /** Stop reasons. */
    lastFinished: z.string().nullable(),
    lastExpiry: z.string().nullable(),
    lastReconcile: z.string().nullable(),
    /** What the limit on mass expiry let expire in that run: all, that of owners with few, or what has a ttl of its own. */
    lastExpiryScope: z.enum(["all", "light", "own"]).nullable(),
    /** How many of the last runs that did something ended with an error, one after the other; up to ten. */
    failedInARow: z.object({ sweep: count, reconcile: count }),
    /** What the last run could not move into the queue, as `expiry_failed: <SQLSTATE>`; null when there was nothing. */
    queueProblem: z.string().nullable(),
    /** The last run that was called through pg_net. */
    lastCall: z.object({
      id: z.string(),
      task: z.enum(["sweep", "reconcile"]),
      trigger: z.string(),
      requestedAt: z.string(),
      /** `http_401` and the like, `unreachable`, `timeout`, `wrong_server`, `not_sent`, `no_answer`, `not_started`. */
      problem: z.string().nullable(),
    }).nullable(),
  }),
  reconcile: z.object({
    phase: z.string(),
    startedAt: z.string().nullable(),
    finishedAt: z.string().nullable(),
    running: z.boolean(),
    /** Since the last pass ended. */
    quietForSeconds: seconds,
    seen: count,
    unknown: count,
    /** Items of Acontext's lists that this pass, or the last that ended, could not read. */
    skipped: count,
  }),
  /** Receipts of resources whose absence the server could not prove. */
  unproven: cappedCount,
  settings: z.looseObject({ cleanup_enabled: z.boolean(), max_expiry_minimum: z.number() }),
  /** How long each schedule may pause, in seconds. */
  pauses: z.object({ cleanup: count, retry: count, reconcile: count }),
  settingsLog: z.array(z.object({
    at: z.string(),
    by: z.string(),
    old: z.record(z.string(), settingValue),
    new: z.record(z.string(), settingValue),
  })),
  /** What Vault has for the dispatcher and can be used; `unusable` names what is there and cannot. */
  vault: z.object({
    state: extensionState,
    projectUrl: z.string().nullable(),
    secretKey: z.boolean(),
    unusable: z.array(z.string()),
  }),
  net: z.object({
    state: extensionState,
    /** Requests of the whole project that pg_net has not sent or that are under way, counted up to 10,000. */
    waiting: count,
    /** How many of these have no time limit. */
    unlimited: count,
  }),
  cron: extensionState,
  /** Empty when pg_cron cannot be asked. */
  jobs: z.array(z.object({
    /** Without its prefix `acontext-sessions-`. */
    name: z.string(),
    schedule: z.string().nullable(),
    /** Why the schedule is not what it looks like; null when it is, or when there is none. */
    fault: z.enum(["never", "only_at_start", "more_than_five_fields"]).nullable(),
    active: z.boolean(),
    lastStatus: z.string().nullable(),
    lastStart: z.string().nullable(),
  })),
  /** Version of the newest migration; null where the CLI keeps no record. */
  migration: z.string().nullable(),
  /** Versions of all that are applied, the app's among them; null as above. */
  migrations: z.array(z.string()).nullable(),
});

export type HealthFacts = z.infer<typeof healthFactsSchema>;
