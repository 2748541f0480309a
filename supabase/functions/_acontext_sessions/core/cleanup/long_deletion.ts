/**
 * Deletions that need long: each is begun with a worker's life before it and goes on beside the run and after it, in a
 * slot of its own, so that nothing waits for it. When not even a whole life is enough, it is reported as stuck.
 *
 * @module
 */
import { describeError } from "../errors.ts";
import type { Background } from "../ports.ts";
import { carryOut, report } from "./carry_out.ts";
import type { FeedDeps } from "./claim_feed.ts";
import {
  deletionLease,
  hasMostOfItsLife,
  type HeldDeletions,
  messagesWithin,
  mostMessages,
  type WorkerLife,
} from "./delete_limits.ts";
import type { Deletion, Settlement } from "./ports.ts";

export interface LongDeletionDeps extends FeedDeps {
  background: Background;
}

/** Of one worker. The next run, a minute later, begins more. */
const AT_MOST = 4;

interface Context {
  runId: string;
  worker: WorkerLife;
  msPerMessage: number | null;
}

/** Begins those that are due and fit into what the worker has left, a few at most. Never throws. */
export async function beginLongDeletions(deps: LongDeletionDeps, context: Context): Promise<void> {
  try {
    for (let begun = 0; begun < AT_MOST; begun++) {
      if (!await beginOne(deps, context)) return;
    }
  } catch (error) {
    // A lease, if there is one, ends by itself.
    deps.log.warn("long_deletion_failed", { runId: context.runId, ...describeError(error) });
  }
}

/** Resolves to whether there was one. */
async function beginOne(
  deps: LongDeletionDeps,
  { runId, worker, msPerMessage }: Context,
): Promise<boolean> {
  const now = deps.clock.now();
  if (!hasMostOfItsLife(worker, now)) return false;
  const never = messagesWithin(worker.totalMs, msPerMessage);
  const lease = deletionLease(deps, { worker, msPerMessage, whole: true });
  const deletion = await deps.store.claimLongDeletion({
    over: mostMessages(msPerMessage),
    fits: messagesWithin(worker.endsAt - now, msPerMessage),
    never,
  }, lease);
  if (deletion === null) return false;
  const fits = deletion.sessionGone || (deletion.messages ?? 0) <= never;
  deps.background(
    fits
      ? work(deps, { lease, deletion, runId })
      : report(deps, lease, neverFits(deletion)).then(() => {}),
  );
  return true;
}

/** Not begun: it would be broken off by the worker's end, and each time harm what others share. */
function neverFits({ id }: Deletion): Settlement {
  return { id, disposition: "retry", error: "session: needs_longer_worker", stuck: true };
}

async function work(
  deps: LongDeletionDeps,
  { lease, deletion, runId }: { lease: HeldDeletions; deletion: Deletion; runId: string },
): Promise<void> {
  const from = deps.clock.now();
  const { attempt, deleted } = await carryOut(deps, { deletion, lease, blame: "entry" });
  deps.log.info("long_deletion", {
    runId,
    id: deletion.id,
    messages: deletion.messages,
    sessionGone: deletion.sessionGone || attempt?.session?.kind === "gone",
    deleted,
    ms: Math.round(deps.clock.now() - from),
  });
}
