/**
 * Deletes a session for its owner.
 *
 * @module
 */
import { deleteRemote } from "../cleanup/delete_remote.ts";
import { settlementOf } from "../cleanup/settlement.ts";
import { AppError } from "../errors.ts";
import { newLease } from "../lease.ts";
import type { Clock, Log, Randomness } from "../ports.ts";
import type { RemoteResources } from "../resources.ts";
import type { SessionKey, SessionStore } from "./ports.ts";

export interface DeleteDeps {
  store: SessionStore;
  acontext: RemoteResources;
  clock: Clock;
  random: Randomness;
  log: Log;
}

/**
 * Hides the session at once and tries to delete its remote resources. `deleted` tells whether they are proven gone;
 * if not, the sweep does the rest.
 *
 * @throws {AppError} `session_not_found`, `database_unavailable`
 */
export async function deleteSession(
  deps: DeleteDeps,
  key: SessionKey,
): Promise<{ deleted: boolean }> {
  const lease = newLease(deps);
  const requested = await deps.store.requestDeletion(key, lease);
  switch (requested.outcome) {
    case "not_found":
      throw new AppError("session_not_found");
    case "queued":
      return { deleted: false };
    case "claimed":
      break;
  }
  const attempt = await deleteRemote(deps, requested.deletion, lease.deadline);
  try {
    const settled = await deps.store.settleDeletions(lease.leaseId, [
      settlementOf(requested.deletion, attempt, { blame: "service" }),
    ]);
    return { deleted: settled.deleted === 1 };
  } catch {
    // The deletion is queued and its lease ends by itself: for the owner the session is gone either way.
    deps.log.warn("settle_failed", { sessionId: key.sessionId });
    return { deleted: false };
  }
}
