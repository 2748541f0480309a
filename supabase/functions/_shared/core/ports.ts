/**
 * What the core needs from outside: a remote service, a database, time and randomness.
 *
 * The core imports neither `Deno` nor `Request`. Everything it touches arrives through these interfaces, so a
 * test, the simulation and the Edge Function run the same code.
 *
 * @module
 */

/**
 * How a call to Acontext ended. A closed set: every adapter result is one of these, and nothing is thrown.
 *
 * - `done`: answered with success and the answer had the expected shape.
 * - `absent`: the server *claims* that the resource does not exist (404). Not a proof: an outage behind
 *   Acontext's API answers the same.
 * - `throttled`: answered 429; try again after `retryAfterMs`. It had no effect.
 * - `unavailable`: the service as a whole refuses or cannot be reached (connection refused, 401, 503, an answer
 *   that is not Acontext's). It had no effect as far as one can tell.
 * - `rejected`: the service understood and refused this one request (other 4xx). It had no effect.
 * - `unknown`: no answer, a broken answer, 500, 502 or 504. It may or may not have taken effect.
 *
 * `detail` is a short machine word such as `timeout` or `http_500`; it never carries text from the server.
 */
export type Outcome<T> =
  | { kind: "done"; value: T }
  | { kind: "absent" }
  | { kind: "throttled"; retryAfterMs: number }
  | { kind: "unavailable"; detail: string }
  | { kind: "rejected"; status: number; detail: string }
  | { kind: "unknown"; detail: string };

/** Disks found for a session. */
export interface DiskListing {
  /** False when the server ignores owner labels: `ids` then holds every disk of the Acontext project. */
  filtered: boolean;
  ids: string[];
}

/**
 * The part of Acontext that a session's life touches. Ids are lower-case UUIDs.
 *
 * The adapter knows this deployment's namespace; it marks what it makes with the namespace and the session's id, and
 * the two `find` calls return only what carries that mark.
 */
export interface Acontext {
  /** Every request is answered or given up within this time, body included; a `find` may make several. */
  readonly timeoutMs: number;
  /** Asks whether the service can read its database at all. */
  probe(): Promise<Outcome<null>>;
  /**
   * Makes the remote session of `sessionId`, or finds the one that an earlier call made. Servers that honour
   * `use_uuid` return the same id; old ones choose their own. An existing session without our mark is `rejected` with
   * detail `foreign_session`.
   */
  createSession(sessionId: string): Promise<Outcome<{ id: string }>>;
  /** Makes a disk labelled for `sessionId`. Not idempotent: after `unknown`, look with {@link findDisks}. */
  createDisk(sessionId: string): Promise<Outcome<{ id: string; labelled: boolean }>>;
  /** Deletes a remote session by its remote id. */
  deleteSession(remoteId: string): Promise<Outcome<null>>;
  /** Deletes a remote disk by its remote id. */
  deleteDisk(remoteId: string): Promise<Outcome<null>>;
  /** Remote ids of the sessions that carry our mark for `sessionId`. A successful answer is complete. */
  findSessions(sessionId: string): Promise<Outcome<{ ids: string[] }>>;
  /** Disks that carry our label for `sessionId`. A successful answer is complete. */
  findDisks(sessionId: string): Promise<Outcome<DiskListing>>;
}

export type Json = string | number | boolean | null | { [key: string]: Json | undefined } | Json[];

export interface JsonObject {
  [key: string]: Json | undefined;
}

/** A session as functions answer it. Times are ISO 8601 with an offset. */
export interface SessionView {
  id: string;
  status: "provisioning" | "active" | "deleting";
  title: string | null;
  metadata: JsonObject;
  pinned: boolean;
  /** Own lifetime in seconds; null means the project's `session_ttl`. */
  ttl: number | null;
  messageCount: number;
  acontextSessionId: string | null;
  acontextDiskId: string | null;
  createdAt: string;
  updatedAt: string;
  lastActivityAt: string;
  /** Null when pinned. */
  expiresAt: string | null;
}

/** How a resource was found to be gone. `unproven`: the server cannot be asked, see docs/architecture.md. */
export type Proof = "deleted" | "absent" | "unproven";

/** One entry of the deletion queue, held under a lease. */
export interface Deletion {
  id: string;
  /** The session id in the mark of its remote resources; differs from `id` only for orphans. */
  originId: string;
  acontextSessionId: string | null;
  acontextDiskId: string | null;
  /** Proven gone by an earlier attempt. */
  sessionGone: boolean;
  diskGone: boolean;
  attempts: number;
}

/** What became of one claimed deletion. A resource without a proof stays to be done. */
export type Settlement = {
  id: string;
  session?: Proof;
  disk?: Proof;
  /**
   * What follows when something is left to do. `failed` counts an attempt and backs off. `deferred` counts nothing and
   * waits a minute, because a request may still be under way. `released` is due again at once: nothing was begun.
   */
  disposition: "retry" | "deferred" | "released";
  /** Short machine word, kept as `last_error`. */
  error?: string;
  /** Acontext may still be working on a request that was given up: nothing is tried again within a minute. */
  underWay?: boolean;
};

export interface NewSession {
  userId: string;
  sessionId: string;
  title: string | null;
  metadata: JsonObject;
  /** Seconds. */
  ttl: number | null;
  pinned: boolean;
}

export interface Lease {
  leaseId: string;
  leaseSeconds: number;
}

export type BeginOutcome =
  | { outcome: "started"; session: SessionView }
  | { outcome: "resumed"; session: SessionView }
  | { outcome: "existing"; session: SessionView }
  | { outcome: "busy"; retryAfterMs: number }
  | { outcome: "deleting" }
  | { outcome: "deleted" }
  | { outcome: "not_found" }
  | { outcome: "unknown_user" }
  | { outcome: "quota_exceeded"; limit: number };

export type ActivateOutcome =
  | { outcome: "active"; session: SessionView }
  | { outcome: "deleting" }
  | { outcome: "lease_lost" }
  | { outcome: "taken" };

export type DeletionRequestOutcome =
  | { outcome: "claimed"; deletion: Deletion }
  | { outcome: "queued" }
  | { outcome: "not_found" };

export type RestoreOutcome =
  | { outcome: "restored"; session: SessionView }
  | { outcome: "not_found" }
  | { outcome: "not_deleting" }
  | { outcome: "too_late" }
  | { outcome: "quota_exceeded"; limit: number };

export interface RunSettings {
  maxPerRun: number;
  concurrency: number;
}

export interface RunRequest {
  runId: string;
  force: boolean;
}

export type StartRunOutcome =
  | { outcome: "started"; settings: RunSettings }
  | { outcome: "duplicate" }
  | { outcome: "disabled" };

export interface QueuedDue {
  expired: number;
  stale: number;
  /** Too many would expire at once: nothing was expired. */
  tooManyExpiring: boolean;
  /** More are due than this step moved. */
  more: boolean;
}

/** What a dry run reports; nothing is changed. Counts are capped at the run's limit. */
export interface Preview {
  queued: number;
  expired: number;
  stale: number;
  tooManyExpiring: boolean;
}

export type RunResult = {
  total: number;
  deleted: number;
  failed: number;
  deferred: number;
  stopReason: StopReason;
  errors: RunError[];
};

export type RunError = { id: string; error: string };

export type StopReason =
  | "empty"
  | "limit"
  | "time_budget"
  | "shutdown"
  | "outage"
  | "throttled"
  | "too_many_expiring"
  | "disabled"
  | "dry_run"
  | "duplicate"
  | "error";

/** The database, one method for each RPC. Throws `AppError` `database_unavailable` when the database cannot be asked. */
export interface Store {
  beginSession(session: NewSession, lease: Lease): Promise<BeginOutcome>;
  activateSession(
    input: {
      sessionId: string;
      leaseId: string;
      acontextSessionId: string;
      acontextDiskId: string;
      /** Resources that carry the session's mark too and are not wanted: queued as orphans. */
      surplusSessionIds: string[];
      surplusDiskIds: string[];
      /** An answer was lost: more may come to be under the same mark. */
      uncertain: boolean;
    },
  ): Promise<ActivateOutcome>;
  /** Gives up making a session, so that a repeated call need not wait for the lease to end. */
  releaseSession(
    input: {
      sessionId: string;
      leaseId: string;
      /** What was made, or found, all the same. */
      acontextSessionIds: string[];
      acontextDiskIds: string[];
    },
  ): Promise<void>;
  requestDeletion(
    input: { userId: string; sessionId: string },
    lease: Lease,
  ): Promise<DeletionRequestOutcome>;
  restoreSession(input: { userId: string; sessionId: string }): Promise<RestoreOutcome>;
  startRun(request: RunRequest): Promise<StartRunOutcome>;
  previewSweep(input: { limit: number; force: boolean }): Promise<Preview>;
  queueDue(input: { runId: string; limit: number }): Promise<QueuedDue>;
  claimDeletions(input: { limit: number }, lease: Lease): Promise<Deletion[]>;
  settleDeletions(
    leaseId: string,
    settlements: Settlement[],
  ): Promise<{ deleted: number; failed: number; released: number; lost: number }>;
  finishRun(runId: string, result: RunResult): Promise<{ remaining: number; dispatched: number }>;
}

/** Monotonic time in milliseconds, and waiting on it. Wall-clock time is read in the database only. */
export interface Clock {
  now(): number;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export interface Randomness {
  uuid(): string;
}

/** Structured log line: no secret, no token, no user content. */
export interface Log {
  info(event: string, fields?: Record<string, string | number | boolean | null>): void;
  warn(event: string, fields?: Record<string, string | number | boolean | null>): void;
  error(event: string, fields?: Record<string, string | number | boolean | null>): void;
}
