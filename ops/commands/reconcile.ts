import { z } from "zod";
import { type Command, EXIT } from "../command.ts";
import { table } from "../output.ts";
import { runToEnd } from "../runs.ts";

const previewSchema = z.object({
  seen: z.int(),
  unknown: z.int(),
  stopReason: z.string(),
  found: z.array(z.object({ kind: z.string(), id: z.string(), originId: z.string() })),
});

const HINT = "Look first: npm run ops -- reconcile --dry-run; is this the right database and " +
  "namespace? Only then insist with --force";

/** Searches Acontext for what no session knows and queues it, or only shows it. */
export const reconcile: Command = async (context) => {
  const { api, output, flags: { dryRun, force } } = context;
  if (dryRun) {
    const preview = await api.invoke("cleanup-sessions", previewSchema, {
      task: "reconcile",
      dryRun,
      force,
    });
    const { seen, unknown, stopReason, found } = preview;
    output.result(preview, () => [
      `${seen} seen, ${unknown} unknown, ended with ${stopReason}`,
      ...(found.length === 0 ? [] : table(
        ["kind", "id", "session id in its mark"],
        found.map(({ kind, id, originId }) => [kind, id, originId]),
      )),
    ]);
    return unknown === 0 && stopReason === "complete" ? EXIT.ok : EXIT.degraded;
  }
  const runs = await runToEnd(context, { task: "reconcile", force });
  const unknown = runs.reduce((sum, run) => sum + run.total, 0);
  const stopReason = runs.at(-1)?.stopReason ?? "error";
  output.result({ runs: runs.length, unknown, stopReason }, () => [
    `${unknown} unknown, ended with ${stopReason}`,
    ...(stopReason === "too_many_unknown" ? [HINT] : []),
    ...(stopReason === "complete" && unknown > 0 ? ["Delete it now: npm run ops -- sweep"] : []),
  ]);
  return stopReason === "complete" ? EXIT.ok : EXIT.degraded;
};
