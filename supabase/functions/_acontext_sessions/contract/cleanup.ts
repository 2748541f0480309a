/**
 * What the cleanup function may be sent.
 *
 * @module
 */
import * as z from "zod";
import { flag, id } from "./fields.ts";

const MAX_PER_RUN = 10_000;

export const cleanupBody = z.strictObject({
  /** What to do: delete what is due, or look for remote resources that no session knows. */
  task: z.enum(["sweep", "reconcile"], { error: 'must be "sweep" or "reconcile"' }).default(
    "sweep",
  ),
  runId: id.optional(),
  dryRun: flag,
  background: flag,
  force: flag,
  limit: z.int({ error: "must be a whole number or null" })
    .min(1, { error: "must be at least 1" })
    .max(MAX_PER_RUN, { error: `must be at most ${MAX_PER_RUN}` })
    .nullable().default(null),
}).superRefine(({ task, dryRun, background, limit }, context) => {
  const refuse = (name: string, message: string) =>
    context.addIssue({ code: "custom", path: [name], message });
  if (dryRun && background) {
    refuse("background", "must be false for a dry run: its result is the answer");
  }
  if (task === "reconcile" && limit !== null) refuse("limit", "must be absent for a reconcile");
});

export type CleanupBody = z.output<typeof cleanupBody>;
