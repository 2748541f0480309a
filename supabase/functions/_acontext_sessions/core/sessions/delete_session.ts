/**
 * Deletes a session for its owner.
 *
 * @module
 */
import { carryOut } from "../cleanup/carry_out.ts";
import { type DeleteLimits, deletionLease, mostMessages } from "../cleanup/delete_limits.ts";
import { AppError } from "../errors.ts";
import type { Background, Clock, Log, Randomness } from "../ports.ts";
import type { RemoteResources } from "../resources.ts";
import { rateLimited } from "./over_limit.ts";
import type { SessionKey, SessionStore } from "./ports.ts";

export interface DeleteDeps {
  store: SessionStore;
  acontext: RemoteResources;
  clock: Clock;
  random: Randomness;
  log: Log;
  deletes: DeleteLimits;
  background: Background;
}

/**
 * Hides the session at once and tries to delete its remote resources. `deleted` tells whether they are proven gone in
 * the time of one request to Acontext; if not, the delete goes on after the answer, or the sweep does the rest.
 *
 * @throws {AppError} `session_not_found`, `rate_limited` and those of the store
 */
export async function deleteSession(
  deps: DeleteDeps,
  key: SessionKey,
): Promise<{ deleted: boolean }> {
  const { store, acontext, clock, deletes } = deps;
  const lease = deletionLease(deps, { worker: deletes.worker(), msPerMessage: null });
  const requested = await store.requestDeletion(key, { maxMessages: mostMessages(null) }, lease);
  switch (requested.outcome) {
    case "not_found":
      throw new AppError("session_not_found");
    case "rate_limited":
      throw rateLimited(requested, "delete the session");
    case "queued":
      return { deleted: false };
    case "claimed":
      break;
  }
  const { deletion } = requested;
  const deleting = carryOut(deps, { deletion, lease, blame: "service" })
    .then(({ deleted }) => deleted);
  // A caller that goes away must not end it.
  deps.background(deleting.then(() => {}));
  const waiting = new AbortController();
  const tooLong = clock.sleep(acontext.timeoutMs, waiting.signal).then(() => false);
  const deleted = await Promise.race([deleting, tooLong]);
  waiting.abort();
  return { deleted };
}
