import { z } from "zod";
import { type Command, EXIT } from "../command.ts";
import { shortTime, table } from "../output.ts";

const schema = z.array(z.object({
  id: z.string(),
  reason: z.string(),
  attempts: z.int(),
  requestedAt: z.string(),
  nextAttemptAt: z.string(),
  lastError: z.string().nullable(),
  sessionGone: z.boolean(),
  diskGone: z.boolean(),
  acontextSessionId: z.string().nullable(),
  acontextDiskId: z.string().nullable(),
}));

/** Deletions that failed ten times or more; exit code 1 when there are any. */
export const stuck: Command = async ({ api, output, flags }) => {
  const list = await api.rpc("acontext_list_stuck", { p_limit: flags.limit ?? 50 }, schema);
  output.result(list, () =>
    list.length === 0 ? ["Nothing is stuck"] : table(
      ["id", "reason", "attempts", "last error", "left", "next attempt (GMT)"],
      list.map((entry) => [
        entry.id,
        entry.reason,
        entry.attempts,
        entry.lastError,
        [...(entry.sessionGone ? [] : ["session"]), ...(entry.diskGone ? [] : ["disk"])].join(", "),
        shortTime(entry.nextAttemptAt),
      ]),
    ));
  return list.length === 0 ? EXIT.ok : EXIT.degraded;
};
