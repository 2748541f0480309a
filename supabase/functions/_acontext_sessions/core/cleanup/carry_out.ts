/**
 * One deletion, from the deletes to the report, for those who hold a lease of just one.
 *
 * @module
 */
import { describeError } from "../errors.ts";
import type { Clock, Log } from "../ports.ts";
import type { RemoteResources } from "../resources.ts";
import type { HeldDeletions } from "./delete_limits.ts";
import { type Attempt, deleteRemote } from "./delete_remote.ts";
import type { Deletion, DeletionStore, Settlement } from "./ports.ts";
import { type Blame, settlementOf } from "./settlement.ts";

export interface CarryOutDeps {
  store: DeletionStore;
  acontext: RemoteResources;
  clock: Clock;
  log: Log;
}

/** `deleted`: the database knows that all is gone. Never throws: the deletion is queued, and its lease ends by itself. */
export async function carryOut(
  deps: CarryOutDeps,
  { deletion, lease, blame }: { deletion: Deletion; lease: HeldDeletions; blame: Blame },
): Promise<{ attempt: Attempt | null; deleted: boolean }> {
  try {
    const attempt = await deleteRemote(deps, deletion, lease.frame);
    const deleted = await report(deps, lease, settlementOf(deletion, attempt, { blame }));
    return { attempt, deleted };
  } catch (error) {
    deps.log.warn("deletion_failed", { sessionId: deletion.id, ...describeError(error) });
    return { attempt: null, deleted: false };
  }
}

/** Resolves to whether the session is done with. Never throws. */
export async function report(
  { store, log }: Pick<CarryOutDeps, "store" | "log">,
  { leaseId }: HeldDeletions,
  settlement: Settlement,
): Promise<boolean> {
  try {
    return (await store.settleDeletions(leaseId, [settlement])).deleted === 1;
  } catch (error) {
    log.warn("settle_failed", { sessionId: settlement.id, ...describeError(error) });
    return false;
  }
}
