/**
 * What reconcile needs from outside: Acontext's lists and the database's knowledge of what is on them.
 *
 * @module
 */
import type { RunError } from "../cleanup/ports.ts";
import type { Outcome } from "../ports.ts";

/** A remote resource that carries this deployment's mark. */
export type Marked = {
  id: string;
  /** The session id in its mark. */
  originId: string;
  /** As Acontext gives it, RFC 3339. */
  createdAt: string;
};

/** An owner label of this deployment: each session's disk is made under one of its own. */
export type Label = Omit<Marked, "id">;

export interface Items<Item> {
  items: Item[];
  /** Others that cannot be read: ours, or nobody knows whose. */
  skipped: number;
}

export interface Page<Item> extends Items<Item> {
  /** Null on the last page. */
  next: string | null;
}

/** Acontext's lists, reduced to what carries this deployment's namespace. */
export interface Catalog {
  sessionsPage(cursor: string | null): Promise<Outcome<Page<Marked>>>;
  /** `rejected` with detail `unsupported` on servers that have no such list. */
  labelsPage(cursor: string | null): Promise<Outcome<Page<Label>>>;
  /** Every disk under the label of one session. */
  disksOf(originId: string): Promise<Outcome<Items<Marked>>>;
  /** Whether the label owns nothing at all: no session, no disk, no skill. */
  isUnused(originId: string): Promise<Outcome<boolean>>;
  /** Removes the label. Whatever it still owns goes with it, so ask {@link isUnused} first. */
  removeLabel(originId: string): Promise<Outcome<null>>;
}

export type ReconcilePhase = "sessions" | "labels" | "uncertain";

/** Where the walk stands. */
export interface Position {
  phase: ReconcilePhase;
  cursor: string | null;
}

/** What the runs of one pass over the lists found together. */
export interface PassCounts {
  seen: number;
  /** Without what was queued by force. */
  unknown: number;
}

export type StartReconcileOutcome =
  | ({ outcome: "started" } & Position & PassCounts)
  | { outcome: "duplicate" }
  | { outcome: "disabled" }
  | { outcome: "busy" };

export const RECONCILE_STOP_REASONS = [
  "complete",
  "limit",
  "time_budget",
  "shutdown",
  "outage",
  "throttled",
  "too_many_unknown",
  "lost",
  "disabled",
  "duplicate",
  "busy",
  "error",
] as const;
export type ReconcileStopReason = typeof RECONCILE_STOP_REASONS[number];

export type ReconcileResult = {
  /** Live resources and labels met on the way. */
  seen: number;
  /** Resources that no session knows and that are past the grace period. */
  unknown: number;
  /** Of these, queued for deletion. */
  queued: number;
  labelsRemoved: number;
  /** What could not be looked into: the pass proves nothing about what sessions that are gone have left behind. */
  skipped: number;
  stopReason: ReconcileStopReason;
  errors: RunError[];
};

/** The database, one method for each of its functions. */
export interface ReconcileStore {
  startReconcile(runId: string, holdSeconds: number): Promise<StartReconcileOutcome>;
  findUnknownSessions(items: Marked[]): Promise<string[]>;
  findUnknownDisks(items: Marked[]): Promise<string[]>;
  /** The session ids of the labels that belong to no session. */
  findUnknownLabels(items: Label[]): Promise<string[]>;
  /** Active sessions, by id after `after`, that may have a second disk. */
  listUncertain(after: string, limit: number): Promise<string[]>;
  saveProgress(
    input: {
      runId: string;
      position: Position;
      sessions: Marked[];
      disks: Marked[];
      checked: string[];
      skipped: number;
      finished: boolean;
    } & PassCounts,
  ): Promise<{ outcome: "saved" | "lost"; queued: number }>;
  finishReconcile(runId: string, result: ReconcileResult): Promise<{ dispatched: number }>;
}
