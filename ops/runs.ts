/**
 * Background runs of cleanup-sessions, watched to their end.
 *
 * @module
 */

import { z } from "zod";
import { runSchema } from "../supabase/functions/_acontext_sessions/core/health/facts.ts";
import { HEALTH_REASONS } from "../supabase/functions/_acontext_sessions/core/health/reasons.ts";
import type { CommandContext } from "./command.ts";
import { OpsError } from "./ops_error.ts";
import { shortTime, table } from "./output.ts";

export const runsSchema = z.array(runSchema);
export type Run = z.infer<typeof runSchema>;

const acceptedSchema = z.object({ runId: z.string() });

/** A worker that has not ended by then was killed; scheduled runs take over from it. */
const GIVE_UP_AFTER_MS = 7 * 60_000;
/** How long an accepted run may need to write its row. */
const START_WITHIN_MS = 30_000;

/** Stop reasons after which another run goes on. */
const UNFINISHED = new Set(["limit", "time_budget", "shutdown"]);

/** Runs `task` in the background until nothing is left to do or something stands in the way; answers all its runs. */
export async function runToEnd(
  context: CommandContext,
  { task, force }: { task: "sweep" | "reconcile"; force: boolean },
): Promise<Run[]> {
  const runs: Run[] = [];
  while (true) {
    const run = await runOnce(context, { task, force });
    runs.push(run);
    context.output.progress(
      task === "sweep"
        ? `run ${runs.length}: ${run.deleted} deleted, ${run.failed} failed, ${run.stopReason}`
        : `run ${runs.length}: ${run.total} unknown, ${run.stopReason}`,
    );
    if (!UNFINISHED.has(run.stopReason ?? "")) return runs;
    // Whatever keeps a run from doing anything would keep the next from it, too.
    const gotOn = run.total > run.deferred || run.expired + run.stale > 0;
    if (task === "sweep" && !gotOn) return runs;
  }
}

async function runOnce(
  { api, output, pause }: CommandContext,
  body: { task: "sweep" | "reconcile"; force: boolean },
): Promise<Run> {
  const { runId } = await api.invoke("cleanup-sessions", acceptedSchema, {
    ...body,
    background: true,
    runId: crypto.randomUUID(),
  });
  const began = performance.now();
  let shown = began;
  while (true) {
    const run = (await api.rpc("acontext_list_runs", { p_limit: 100 }, runsSchema))
      .find(({ id }) => id === runId);
    if (run?.status === "finished") return run;
    const waited = performance.now() - began;
    if (run === undefined && waited > START_WITHIN_MS) {
      throw new OpsError(`Cannot follow the run "${runId}": it did not start`);
    }
    if (waited > GIVE_UP_AFTER_MS) {
      throw new OpsError(`Cannot follow the run "${runId}": it does not end`);
    }
    if (performance.now() - shown > 5_000) {
      shown = performance.now();
      const moved = run === undefined ? "" : `, ${run.expired + run.stale} taken from the table`;
      output.progress(`… ${Math.round(waited / 1000)} s${moved}`);
    }
    await pause();
  }
}

/** What the last run of a schedule that reaches nobody has to say; anything else is health's to judge. */
const HINTS: Record<string, string> = {
  not_configured: HEALTH_REASONS.not_configured.remedy,
  not_delivered: HEALTH_REASONS.worker_unreachable.remedy,
  outage: HEALTH_REASONS.acontext_unreachable.remedy,
  too_many_expiring: HEALTH_REASONS.too_many_expiring.remedy,
  queueing_failed: HEALTH_REASONS.queueing_failed.remedy,
  too_many_unknown: HEALTH_REASONS.too_many_unknown.remedy,
  disabled: HEALTH_REASONS.cleanup_disabled.remedy,
};

/** What can be done about runs that ended like this, once per reason. */
export function hintsFor(runs: Run[]): string[] {
  const reasons = new Set(runs.map(({ stopReason }) => stopReason ?? ""));
  return [...reasons].flatMap((reason) =>
    HINTS[reason] === undefined ? [] : [`${reason}: ${HINTS[reason]}`]
  );
}

export function runTable(runs: Run[]): string[] {
  return table(
    [
      "requested (GMT)",
      "task",
      "trigger",
      "ended with",
      "took",
      "total",
      "deleted",
      "failed",
      "error",
    ],
    runs.map((run) => [
      shortTime(run.requestedAt),
      run.task,
      run.trigger,
      run.stopReason ?? `(${run.status})`,
      duration(run),
      run.total,
      run.deleted,
      run.failed,
      run.errors[0]?.error ?? null,
    ]),
  );
}

function duration({ startedAt, finishedAt }: Run): string | null {
  if (startedAt === null || finishedAt === null) return null;
  return `${((Date.parse(finishedAt) - Date.parse(startedAt)) / 1000).toFixed(1)} s`;
}
