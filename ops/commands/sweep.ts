import { z } from "zod";
import { type Command, EXIT } from "../command.ts";
import { HEALTH_REASONS } from "../../supabase/functions/_acontext_sessions/core/health/reasons.ts";
import { type Run, runToEnd } from "../runs.ts";

const previewSchema = z.object({
  total: z.int(),
  remaining: z.int(),
  // Functions of before do not tell.
  heldBack: z.int().default(0),
  stopReason: z.string(),
});

/** Deletes what is due, run after run until nothing is left, or says what would be done. */
export const sweep: Command = async (context) => {
  const { api, output, flags: { dryRun, force } } = context;
  if (dryRun) {
    const preview = await api.invoke("cleanup-sessions", previewSchema, { dryRun, force });
    const { total, heldBack } = preview;
    output.result(preview, () => [
      `${total} would be deleted`,
      ...(heldBack > 0
        ? [`${heldBack} expired, and the expiry limit holds them back: see --force`]
        : []),
    ]);
    return EXIT.ok;
  }
  const runs = await runToEnd(context, { task: "sweep", force });
  const summary = summarize(runs);
  output.result(summary, () => [
    `${summary.deleted} deleted, ${summary.failed} failed, ended with ${summary.stopReason}`,
    ...(hintFor(summary.stopReason) ?? []),
  ]);
  return summary.stopReason === "empty" && summary.failed === 0 ? EXIT.ok : EXIT.degraded;
};

function summarize(runs: Run[]) {
  return {
    runs: runs.length,
    deleted: runs.reduce((sum, run) => sum + run.deleted, 0),
    failed: runs.reduce((sum, run) => sum + run.failed, 0),
    stopReason: runs.at(-1)?.stopReason ?? "error",
    errors: runs.flatMap(({ errors }) => errors),
  };
}

function hintFor(stopReason: string): string[] | null {
  switch (stopReason) {
    case "too_many_expiring":
      return ["Look first: npm run ops -- sweep --dry-run --force; then insist with --force"];
    case "queueing_failed":
      return [HEALTH_REASONS.queueing_failed.remedy];
    case "disabled":
      return ["Allow it: npm run ops -- settings set cleanup_enabled=true"];
    case "outage":
    case "throttled":
      return ["Nothing is lost; scheduled runs go on. npm run doctor looks at Acontext"];
    default:
      return null;
  }
}
