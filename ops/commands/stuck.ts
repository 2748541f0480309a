import { z } from "zod";
import { type Command, EXIT } from "../command.ts";
import { OpsError } from "../ops_error.ts";
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

const setAsideSchema = z.array(z.object({
  id: z.string(),
  step: z.string(),
  problem: z.string(),
  attempts: z.int(),
  since: z.string(),
  nextAttemptAt: z.string(),
}));

/** Deletions that failed ten times or more, and what a step cannot process; exit code 1 when there is anything. */
export const stuck: Command = async ({ api, output, flags }) => {
  const limit = { p_limit: flags.limit ?? 50 };
  const deletions = await api.rpc("acontext_list_stuck", limit, schema);
  const setAside = await api.rpc("acontext_list_set_aside", limit, setAsideSchema).catch(
    (error) => {
      // A database of before has no such list.
      if (error instanceof OpsError && error.code === "PGRST202") return [];
      throw error;
    },
  );
  const isEmpty = deletions.length + setAside.length === 0;
  output.result({ deletions, setAside }, () =>
    isEmpty ? ["Nothing is stuck"] : [
      ...(deletions.length === 0 ? [] : table(
        ["id", "reason", "attempts", "last error", "left", "next attempt (GMT)"],
        deletions.map((entry) => [
          entry.id,
          entry.reason,
          entry.attempts,
          entry.lastError,
          [...(entry.sessionGone ? [] : ["session"]), ...(entry.diskGone ? [] : ["disk"])].join(
            ", ",
          ),
          shortTime(entry.nextAttemptAt),
        ]),
      )),
      ...(setAside.length === 0 ? [] : table(
        ["set aside", "step", "attempts", "SQLSTATE", "since (GMT)", "next attempt (GMT)"],
        setAside.map((entry) => [
          entry.id,
          entry.step,
          entry.attempts,
          entry.problem,
          shortTime(entry.since),
          shortTime(entry.nextAttemptAt),
        ]),
      )),
    ]);
  return isEmpty ? EXIT.ok : EXIT.degraded;
};
