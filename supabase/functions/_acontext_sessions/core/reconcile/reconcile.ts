/**
 * Looks for remote resources that no session knows, and queues them for deletion.
 *
 * Only what carries this deployment's namespace is read: other resources, the disks of agent skills among them, are
 * never even listed. What is found is queued at the end of a run, in one step with the walk's position, and only when
 * it is a small part of what was seen: a wrong database must not empty an Acontext project.
 *
 * @module
 */
import type { Clock, Log } from "../ports.ts";
import type {
  Catalog,
  Marked,
  PassCounts,
  ReconcileResult,
  ReconcileStopReason,
  ReconcileStore,
} from "./ports.ts";
import { ReconcileWalk } from "./walk.ts";

/** This many unknown resources are always believed; more only up to this share of what was seen. */
const BELIEVED = 10;
const BELIEVED_SHARE = 0.05;
/** Lists at most this many in a report. */
const MAX_LISTED = 100;
/** How much longer than its time budget a run holds the walk: calls that began in time may still end. */
const HOLD_MARGIN_SECONDS = 60;

export interface ReconcileDeps {
  store: ReconcileStore;
  catalog: Catalog;
  clock: Clock;
  log: Log;
}

export interface ReconcileOptions {
  runId: string;
  /** Walk from the start and list what would be queued; change nothing. */
  dryRun: boolean;
  /** Queue even when suspiciously many are unknown. */
  force: boolean;
  timeBudgetMs: number;
  signal: AbortSignal;
}

export interface ReconcileReport extends ReconcileResult {
  runId: string;
  /** The first unknown resources. */
  found: (Marked & { kind: "session" | "disk" })[];
}

/** @throws {AppError} those of the store; the next run goes on where the last saved one stopped. */
export async function reconcile(
  deps: ReconcileDeps,
  options: ReconcileOptions,
): Promise<ReconcileReport> {
  const { store, clock } = deps;
  const { runId, dryRun } = options;
  const startedAt = clock.now();
  const endsAt = startedAt + options.timeBudgetMs;
  const holdSeconds = Math.ceil(options.timeBudgetMs / 1000) + HOLD_MARGIN_SECONDS;
  const started = dryRun
    ? { outcome: "started", phase: "sessions", cursor: null, seen: 0, unknown: 0 } as const
    : await store.startReconcile(runId, holdSeconds);
  if (started.outcome !== "started") {
    return report(runId, new ReconcileWalk(deps, nowhere), started.outcome, 0);
  }

  const walk = new ReconcileWalk(deps, {
    position: { phase: started.phase, cursor: started.cursor },
    endsAt,
    signal: options.signal,
    mayRemoveLabels: !dryRun,
  });
  let stopReason = await walk.run();
  let queued = 0;
  if (!options.force && isSuspicious(started, walk)) {
    stopReason = "too_many_unknown";
  } else if (!dryRun) {
    const saved = await store.saveProgress({
      runId,
      position: walk.position,
      sessions: walk.sessions,
      disks: walk.disks,
      checked: walk.checked,
      skipped: walk.skipped,
      finished: walk.finished,
      seen: walk.seen,
      unknown: options.force ? 0 : unknownTo(walk),
    });
    queued = saved.queued;
    if (saved.outcome === "lost") stopReason = "lost";
  }
  const result = report(runId, walk, stopReason, queued);
  if (!dryRun) {
    const { dispatched } = await store.finishReconcile(runId, resultOf(result));
    const { seen, unknown, labelsRemoved, skipped } = result;
    deps.log.info("run", {
      runId,
      task: "reconcile",
      stopReason,
      seen,
      unknown,
      queued,
      labelsRemoved,
      skipped,
      dispatched,
      ms: Math.round(clock.now() - startedAt),
    });
  }
  return result;
}

const nowhere = {
  position: { phase: "sessions", cursor: null },
  endsAt: 0,
  signal: AbortSignal.abort(),
  mayRemoveLabels: false,
} as const;

/** Looks at the whole pass: many runs that each find a little must not queue more together than one run may. */
function isSuspicious(before: PassCounts, walk: ReconcileWalk): boolean {
  const unknown = unknownTo(walk);
  return unknown > 0 &&
    before.unknown + unknown > Math.max(BELIEVED, BELIEVED_SHARE * (before.seen + walk.seen));
}

function unknownTo({ sessions, disks }: ReconcileWalk): number {
  return sessions.length + disks.length;
}

function report(
  runId: string,
  walk: ReconcileWalk,
  stopReason: ReconcileStopReason,
  queued: number,
): ReconcileReport {
  return {
    runId,
    seen: walk.seen,
    unknown: unknownTo(walk),
    queued,
    labelsRemoved: walk.labelsRemoved,
    skipped: walk.skipped,
    stopReason,
    errors: walk.error === null ? [] : [{ id: runId, error: walk.error }],
    found: [
      ...walk.sessions.map((item) => ({ kind: "session" as const, ...item })),
      ...walk.disks.map((item) => ({ kind: "disk" as const, ...item })),
    ].slice(0, MAX_LISTED),
  };
}

function resultOf({ found: _found, runId: _runId, ...result }: ReconcileReport): ReconcileResult {
  return result;
}

/** What is recorded of a run that threw. */
export function failedReconcile(runId: string, error: string): ReconcileResult {
  return {
    seen: 0,
    unknown: 0,
    queued: 0,
    labelsRemoved: 0,
    skipped: 0,
    stopReason: "error",
    errors: [{ id: runId, error }],
  };
}
