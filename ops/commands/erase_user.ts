import { z } from "zod";
import { type Command, type CommandContext, EXIT } from "../command.ts";
import { requireId } from "../require_id.ts";
import { runToEnd } from "../runs.ts";

const leftSchema = z.object({ sessions: z.int(), queued: z.int() });

/** Deletes the account of a user with all its sessions, and works the queue until nothing of the user is left. */
export const eraseUser: Command = async (context) => {
  const { api, output, args, flags: { dryRun } } = context;
  const userId = requireId("erase-user", args);
  const before = await count(context, userId);
  if (dryRun) {
    output.result({ userId, ...before }, () => [
      `${before.sessions} sessions would go with the account; ${before.queued} deletions are queued`,
    ]);
    return EXIT.ok;
  }

  // Deleting the account queues its sessions, grace period or not: the first at once, those of many by the runs below.
  const account = await api.deleteAccount(userId);
  output.progress(account ? "The account is deleted" : "There is no such account (or no longer)");
  let left = await count(context, userId);
  while (amount(left) > 0) {
    output.progress(`${amount(left)} sessions are left to delete`);
    const runs = await runToEnd(context, { task: "sweep", force: false });
    const after = await count(context, userId);
    // What fails or waits is taken up by scheduled runs.
    if (runs.at(-1)?.deleted === 0 || amount(after) >= amount(left)) {
      left = after;
      break;
    }
    left = after;
  }
  const erased = amount(left) === 0;
  output.result({ userId, account, erased, ...left }, () => [
    erased
      ? "Nothing of this user is left but the receipts, which are kept for log_retention"
      : `${amount(left)} deletions are left: scheduled runs go on, or repeat this later`,
  ]);
  return erased ? EXIT.ok : EXIT.degraded;
};

/** A session that its user deleted before, and that still has its owner, counts twice. */
function amount({ sessions, queued }: z.infer<typeof leftSchema>): number {
  return sessions + queued;
}

function count({ api }: CommandContext, userId: string) {
  return api.rpc("acontext_count_user_data", { p_user_id: userId }, leftSchema);
}
