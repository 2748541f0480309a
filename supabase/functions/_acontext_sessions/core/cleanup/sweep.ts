/**
 * One run of the cleanup: moves what is due into the deletion queue and works through the queue until it is empty or
 * the run has to stop.
 *
 * @module
 */
import type { CleanupStore, RunError, RunResult, StopReason } from "./ports.ts";
import { lastStart } from "./delete_limits.ts";
import { beginLongDeletions, type LongDeletionDeps } from "./long_deletion.ts";
import { SweepRun } from "./run.ts";

export interface SweepOptions {
  runId: string;
  /** Count only, change nothing. */
  dryRun: boolean;
  /** Expire even what the limit on mass expiry would hold back. */
  force: boolean;
  /** Sessions at most; null means the project's `max_per_run`. */
  limit: number | null;
  timeBudgetMs: number;
  /** Aborted when the worker is about to be shut down. */
  signal: AbortSignal;
}

export interface SweepReport {
  runId: string;
  /** Sessions taken up by this run; in a dry run, those that it would take up. */
  total: number;
  /** Proven gone. */
  deleted: number;
  /** Failed and backing off. */
  failed: number;
  /** Given back untouched or undecided; no attempt was counted. */
  deferred: number;
  /** Still due when the run ended. */
  remaining: number;
  /** In a dry run: expired, and held back by the limit on mass expiry. */
  heldBack?: number | undefined;
  errors: RunError[];
  stopReason: StopReason;
}

export type SweepDeps = LongDeletionDeps;

const DRY_RUN_LIMIT = 100_000;

/** @throws {AppError} those of the store when the run cannot be started or ended; leases end by themselves. */
export async function sweep(deps: SweepDeps, options: SweepOptions): Promise<SweepReport> {
  const { store, clock } = deps;
  const { runId, force } = options;
  if (options.dryRun) return await preview(store, options);

  const startedAt = clock.now();
  const worker = deps.deletes.worker();
  const endsAt = Math.min(
    startedAt + options.timeBudgetMs,
    lastStart(worker, deps.deletes.timeoutMs),
  );
  const started = await store.startRun({ runId, force });
  if (started.outcome !== "started") {
    return { ...emptyReport(started.outcome), runId, remaining: 0 };
  }
  const { maxPerRun, ...settings } = started.settings;
  await beginLongDeletions(deps, { runId, worker, msPerMessage: settings.msPerMessage });
  const run = new SweepRun(deps, {
    runId,
    limit: options.limit ?? maxPerRun,
    ...settings,
    worker,
    endsAt,
    signal: options.signal,
  });
  const result = await run.work();
  const { remaining, dispatched } = await store.finishRun(runId, result);
  const { errors: _errors, probeMs: _probeMs, ...counts } = result;
  deps.log.info("run", {
    runId,
    task: "sweep",
    ...counts,
    remaining,
    dispatched,
    ms: Math.round(clock.now() - startedAt),
  });
  return { ...counts, errors: result.errors, runId, remaining };
}

async function preview(store: CleanupStore, options: SweepOptions): Promise<SweepReport> {
  const limit = options.limit ?? DRY_RUN_LIMIT;
  const { queued, expiring, heldBack, stale, tooManyExpiring } = await store.previewSweep({
    limit,
    force: options.force,
  });
  const due = queued + stale + expiring;
  return {
    ...emptyReport(tooManyExpiring ? "too_many_expiring" : "dry_run"),
    runId: options.runId,
    total: Math.min(due, limit),
    remaining: due,
    heldBack,
  };
}

function emptyReport(stopReason: StopReason): Omit<RunResult, "probeMs"> {
  return { total: 0, deleted: 0, failed: 0, deferred: 0, errors: [], stopReason };
}

/** What is recorded of a run that threw; what it did before that is in the queue and the receipts. */
export function failedSweep(runId: string, error: string): RunResult {
  return { ...emptyReport("error"), probeMs: null, errors: [{ id: runId, error }] };
}
