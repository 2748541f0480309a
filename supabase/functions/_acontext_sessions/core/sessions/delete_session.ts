/**
 * Deletes a session for its owner, and takes that back within the grace period.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import { deleteRemote } from "../cleanup/delete_remote.ts";
import { newLease } from "../lease.ts";
import type { Acontext } from "../resources.ts";
import type { Clock, Log, Randomness } from "../ports.ts";
import type { SessionStore, SessionView } from "./ports.ts";
import { settlementOf } from "../cleanup/settlement.ts";

export interface DeleteDeps {
  store: SessionStore;
  acontext: Acontext;
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
  input: { userId: string; sessionId: string },
): Promise<{ deleted: boolean }> {
  const lease = newLease(deps);
  const requested = await deps.store.requestDeletion(input, lease);
  switch (requested.outcome) {
    case "not_found":
      throw new AppError("session_not_found", {
        message: "Cannot delete session: no session of yours has this id",
      });
    case "queued":
      return { deleted: false };
    case "claimed":
      break;
  }
  const attempt = await deleteRemote(deps, requested.deletion, lease.deadline);
  try {
    const settled = await deps.store.settleDeletions(lease.leaseId, [
      settlementOf(requested.deletion, attempt, { sickIsFailure: false }),
    ]);
    return { deleted: settled.deleted === 1 };
  } catch {
    // The deletion is queued and its lease ends by itself: for the owner the session is gone either way.
    deps.log.warn("settle_failed", { sessionId: input.sessionId });
    return { deleted: false };
  }
}

/**
 * Takes a deletion back, as long as nothing remote was touched.
 *
 * @throws {AppError} `session_not_found`, `not_restorable`, `quota_exceeded`, `database_unavailable`
 */
export async function restoreSession(
  { store }: Pick<DeleteDeps, "store">,
  input: { userId: string; sessionId: string },
): Promise<SessionView> {
  const restored = await store.restoreSession(input);
  switch (restored.outcome) {
    case "restored":
      return restored.session;
    case "not_found":
      throw new AppError("session_not_found", {
        message: "Cannot restore session: no session of yours has this id",
      });
    case "not_deleting":
      throw new AppError("not_restorable", {
        message: "Cannot restore session: it is not being deleted",
      });
    case "too_late":
      throw new AppError("not_restorable", {
        message: "Cannot restore session: its deletion has begun",
      });
    case "quota_exceeded":
      throw new AppError("quota_exceeded", {
        message: `Cannot restore session: the limit of ${restored.limit} sessions is reached`,
        hint: "Delete a session first",
      });
  }
}
