/**
 * A deletion that needs long: it is begun with a worker's life before it and goes on beside the run and after it, in a
 * slot of its own, so that nothing waits for it. When not even a whole life is enough, it is reported as stuck.
 *
 * @module
 */
import { describeError } from "../errors.ts";
import type { Background, Log } from "../ports.ts";
import type { FeedDeps } from "./claim_feed.ts";
import {
  deletionLease,
  hasMostOfItsLife,
  type HeldDeletions,
  messagesWithin,
  mostMessages,
  type WorkerLife,
} from "./delete_limits.ts";
import { deleteRemote } from "./delete_remote.ts";
import type { Deletion, Settlement } from "./ports.ts";
import { settlementOf } from "./settlement.ts";

export interface LongDeletionDeps extends FeedDeps {
  log: Log;
  background: Background;
}

interface Context {
  runId: string;
  worker: WorkerLife;
  msPerMessage: number | null;
}

/** Begins one, if one is due and fits into what the worker has left. Never throws. */
export async function beginLongDeletion(
  deps: LongDeletionDeps,
  { runId, worker, msPerMessage }: Context,
): Promise<void> {
  const now = deps.clock.now();
  if (!hasMostOfItsLife(worker, now)) return;
  const never = messagesWithin(worker.totalMs, msPerMessage);
  try {
    const lease = deletionLease(deps, { worker, msPerMessage, whole: true });
    const deletion = await deps.store.claimLongDeletion({
      over: mostMessages(msPerMessage),
      fits: messagesWithin(worker.endsAt - now, msPerMessage),
      never,
    }, lease);
    if (deletion === null) return;
    deps.background(
      (deletion.messages ?? 0) > never
        ? settle(deps, lease, neverFits(deletion))
        : carryOut(deps, { lease, deletion, runId }),
    );
  } catch (error) {
    // Its lease, if there is one, ends by itself.
    deps.log.warn("long_deletion_failed", { runId, ...describeError(error) });
  }
}

/** Not begun: it would be broken off by the worker's end, and each time harm what others share. */
function neverFits({ id }: Deletion): Settlement {
  return { id, disposition: "retry", error: "session: needs_longer_worker", stuck: true };
}

async function carryOut(
  deps: LongDeletionDeps,
  { lease, deletion, runId }: { lease: HeldDeletions; deletion: Deletion; runId: string },
): Promise<void> {
  const from = deps.clock.now();
  const attempt = await deleteRemote(deps, deletion, lease.frame);
  deps.log.info("long_deletion", {
    runId,
    id: deletion.id,
    messages: deletion.messages,
    sessionGone: deletion.sessionGone || attempt.session?.kind === "gone",
    ms: Math.round(deps.clock.now() - from),
  });
  await settle(deps, lease, settlementOf(deletion, attempt, { blame: "entry" }));
}

async function settle(
  { store, log }: LongDeletionDeps,
  { leaseId }: HeldDeletions,
  settlement: Settlement,
): Promise<void> {
  try {
    await store.settleDeletions(leaseId, [settlement]);
  } catch {
    log.warn("settle_failed", { sessionId: settlement.id });
  }
}
