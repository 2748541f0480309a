/**
 * What the core needs from the database to work through the deletion queue.
 *
 * @module
 */
import type { Lease } from "../ports.ts";

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
  /** Messages that the session had; null when not known. */
  messages: number | null;
  /** A delete of it was sent by an earlier attempt, and its effect is not known. */
  sessionInDoubt: boolean;
  diskInDoubt: boolean;
}

/** What happened to one claimed deletion. A resource without a proof still has to be deleted. */
export type Settlement = {
  id: string;
  session?: Proof;
  disk?: Proof;
  /**
   * What follows when something is left to do. `retry` counts an attempt and backs off. `defer` counts nothing and waits a
   * minute, because a request may still be under way. `release` is due again at once: nothing was begun.
   */
  disposition: "retry" | "defer" | "release";
  /** A short code, kept as `last_error`. */
  error?: string;
  /** Acontext may still be working on a request that was given up: nothing is tried again within a minute. */
  underWay?: boolean;
  /** Whose delete was sent, with an effect that is not known: the next attempt looks before it sends another. */
  inDoubt?: ("session" | "disk")[];
  /** Deletes sent although an earlier one may have had an effect. */
  repeated?: number;
  /** A delete did not end within its limit: only a worker with most of its life before it tries again. */
  slow?: boolean;
  /** Nor would it with all the time that a worker has: an operator should look. */
  stuck?: boolean;
  /** Milliseconds that the session's delete took. */
  sessionMs?: number;
};

export interface RunSettings {
  maxPerRun: number;
  /** Deletes at a time that this run was granted. */
  concurrency: number;
  /** Milliseconds that a message adds to a delete, by what was seen of late; null without experience. */
  msPerMessage: number | null;
  /** Milliseconds that Acontext takes for a small question at rest; null without experience. */
  usualProbeMs: number | null;
}

export interface RunRequest {
  runId: string;
  force: boolean;
}

export type StartRunOutcome =
  | { outcome: "started"; settings: RunSettings }
  | { outcome: "duplicate" }
  | { outcome: "disabled" }
  /** Other runs and calls have all the deletes that may be under way at a time. */
  | { outcome: "busy" };

export interface QueuedDue {
  expired: number;
  stale: number;
  /** Sessions of users who are deleted. */
  erased: number;
  /** So many would expire at once that some are held back. */
  tooManyExpiring: boolean;
  /** More are due than this step moved. */
  more: boolean;
  /** Parts of the step that failed, as `expiry_failed: <SQLSTATE>`; the others were done. */
  problems: string[];
}

/** What a dry run reports; nothing is changed. Counts are capped at the run's limit. */
export interface Preview {
  queued: number;
  /** Would expire. */
  expiring: number;
  /** Past its expiry as well, and held back by the limit on mass expiry. */
  heldBack: number;
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
  /** Milliseconds of the fastest answer to a small question that the run has seen; null when there was none. */
  probeMs: number | null;
};

export type RunError = { id: string; error: string };

export const STOP_REASONS = [
  "empty",
  "limit",
  "time_budget",
  "shutdown",
  "outage",
  "throttled",
  "too_many_expiring",
  "queueing_failed",
  "disabled",
  "dry_run",
  "duplicate",
  "busy",
  "error",
] as const;
export type StopReason = typeof STOP_REASONS[number];

/** How many of some reports the database kept, by what it made of them. `lost`: their lease had passed to another. */
export interface Settled {
  deleted: number;
  failed: number;
  released: number;
  lost: number;
  /** Of those that failed: gone in Acontext, but the app keeps the row. `row: <SQLSTATE>`, or `row: kept`. */
  kept: RunError[];
}

/** The deletion queue. Throws `AppError` `database_unavailable` when it cannot be asked, `database_refused` when it refuses. */
export interface DeletionStore {
  settleDeletions(leaseId: string, settlements: Settlement[]): Promise<Settled>;
}

/** Which deletions need long, by the messages of their sessions. */
export interface LongDeletions {
  /** Those with more. */
  over: number;
  /** That fit into what the worker has left: those with no more. */
  fits: number;
  /** Those with more fit into no worker's life. */
  never: number;
}

/** The queue, and the runs that work through it. Throws as {@link DeletionStore} does. */
export interface CleanupStore extends DeletionStore {
  startRun(request: RunRequest): Promise<StartRunOutcome>;
  previewSweep(input: { limit: number; force: boolean }): Promise<Preview>;
  /** Without those whose sessions have more than `maxMessages`, and those that were slow. */
  claimDeletions(input: { limit: number; maxMessages: number }, lease: Lease): Promise<Deletion[]>;
  /** One deletion that needs long, with a slot of its own; null when there is none that fits, or no slot. */
  claimLongDeletion(input: LongDeletions, lease: Lease): Promise<Deletion | null>;
  queueDue(input: { runId: string; limit: number }): Promise<QueuedDue>;
  finishRun(runId: string, result: RunResult): Promise<{ remaining: number; dispatched: number }>;
}

/** The runs that the dispatcher has called. Throws as {@link DeletionStore} does. */
export interface CalledRuns {
  /**
   * True once for a run that was called within the last hour and that nobody has taken or started: whoever knows its id
   * may start it.
   */
  take(call: { runId: string; task: "sweep" | "reconcile" }): Promise<boolean>;
}
