/**
 * Makes a session: the row first, then its two remote resources in parallel, then binds them to the row.
 *
 * Whatever fails or dies in between, the row stays as `provisioning`: a repeated call with the same id resumes it, and
 * the sweep deletes it, with whatever carries its mark, once it is stale.
 *
 * @module
 */
import { AppError, describeError } from "../errors.ts";
import { newLease } from "../lease.ts";
import type { Clock, JsonObject, Lease, Log, Randomness } from "../ports.ts";
import type { RemoteResources } from "../resources.ts";
import { type HalfMade, type MadeResources, makeResources } from "./make_resources.ts";
import type { BeginOutcome, NewSession, SessionStore, SessionView } from "./ports.ts";
import { quotaExceeded, rateLimited } from "./over_limit.ts";
import { refusedUser } from "./refused_user.ts";

/** How long a call waits for another call that is making the same session. */
const BUSY_WAIT_MS = 8_000;
const BUSY_POLL_MS = 250;

export interface CreateDeps {
  store: SessionStore;
  acontext: RemoteResources;
  clock: Clock;
  random: Randomness;
  log: Log;
}

export interface CreateInput {
  userId: string;
  /** Chosen by the client, which makes the call an idempotent get-or-create; otherwise a random one. */
  id?: string;
  title: string | null;
  metadata: JsonObject;
  /** Seconds. */
  ttl: number | null;
  pinned: boolean;
  /** Acontext's task agent does not read it; the project's setting when missing. */
  disableTaskTracking?: boolean | undefined;
}

/**
 * Makes the session, or returns the existing one with this id.
 *
 * @throws {AppError} `session_not_found`, `session_deleting`, `session_deleted`, `session_busy`, `quota_exceeded`,
 *   `rate_limited`, `unauthorized`, `id_taken`, `acontext_unavailable`, `acontext_rejected` and those of the store
 */
export async function createSession(
  deps: CreateDeps,
  input: CreateInput,
): Promise<{ created: boolean; session: SessionView }> {
  const { id, disableTaskTracking, ...fields } = input;
  const wanted: NewSession = { ...fields, sessionId: id ?? deps.random.uuid() };
  const lease = newLease(deps);
  const begun = await beginWhenFree(deps, wanted, lease);
  switch (begun.outcome) {
    case "existing":
      return { created: false, session: begun.session };
    case "started":
    case "resumed":
      break;
    default:
      throw refusal(begun);
  }

  const key = { sessionId: wanted.sessionId, leaseId: lease.leaseId };
  let made: MadeResources | HalfMade | undefined;
  try {
    made = await makeResources(deps, {
      sessionId: wanted.sessionId,
      resumed: begun.outcome === "resumed",
      deadline: lease.deadline,
      disableTaskTracking: disableTaskTracking ?? begun.disableTaskTracking,
    });
    if ("error" in made) throw made.error;
    if (!made.labelled) deps.log.warn("acontext_ignores_labels", { sessionId: wanted.sessionId });
    return { created: true, session: await bind(deps, key, made) };
  } catch (error) {
    await giveUp(deps, key, idsOf(made));
    throw error;
  }
}

/** Everything that is known to exist. Naming what is bound or queued already does no harm. */
function idsOf(
  made: MadeResources | HalfMade | undefined,
): { sessionIds: string[]; diskIds: string[] } {
  if (made === undefined) return { sessionIds: [], diskIds: [] };
  if ("error" in made) return made;
  return {
    sessionIds: [made.sessionId, ...made.surplusSessionIds],
    diskIds: [made.diskId, ...made.surplusDiskIds],
  };
}

async function beginWhenFree(
  { store, clock }: CreateDeps,
  wanted: NewSession,
  lease: Lease,
): Promise<BeginOutcome> {
  const giveUpAt = clock.now() + BUSY_WAIT_MS;
  while (true) {
    const begun = await store.beginSession(wanted, lease);
    if (begun.outcome !== "busy" || clock.now() + BUSY_POLL_MS > giveUpAt) return begun;
    await clock.sleep(BUSY_POLL_MS);
  }
}

async function bind(
  deps: CreateDeps,
  key: { sessionId: string; leaseId: string },
  made: MadeResources,
): Promise<SessionView> {
  const activated = await deps.store.activateSession({
    ...key,
    acontextSessionId: made.sessionId,
    acontextDiskId: made.diskId,
    surplusSessionIds: made.surplusSessionIds,
    surplusDiskIds: made.surplusDiskIds,
    uncertain: made.uncertain,
  });
  switch (activated.outcome) {
    case "active":
      return activated.session;
    case "deleting":
      throw new AppError("session_deleting");
    case "lease_lost":
      throw busy(1);
    case "taken":
      // What was found is queued for deletion: once it is gone, a repeated call makes new resources.
      throw busy(30);
  }
}

/** Frees the lease for a repeated call, which otherwise waits until the lease ends. */
async function giveUp(
  { store, log }: CreateDeps,
  key: { sessionId: string; leaseId: string },
  made: { sessionIds: string[]; diskIds: string[] },
): Promise<void> {
  try {
    await store.releaseSession({
      ...key,
      acontextSessionIds: made.sessionIds,
      acontextDiskIds: made.diskIds,
    });
  } catch (error) {
    log.warn("release_failed", { sessionId: key.sessionId, ...describeError(error) });
  }
}

function busy(retryAfterSeconds: number): AppError {
  return new AppError("session_busy", { retryAfterSeconds });
}

function refusal(
  begun: Exclude<BeginOutcome, { outcome: "existing" | "started" | "resumed" }>,
): AppError {
  switch (begun.outcome) {
    case "busy":
      return busy(begun.retryAfterMs / 1000);
    case "deleting":
      return new AppError("session_deleting");
    case "deleted":
      return new AppError("session_deleted");
    case "not_found":
      return new AppError("session_not_found");
    case "unknown_user":
    case "banned":
      return refusedUser(begun);
    case "quota_exceeded":
      return quotaExceeded(begun, "create the session");
    case "rate_limited":
      return rateLimited(begun, "create the session");
  }
}
