/**
 * Makes, or finds again, the two remote resources of a session that is being created.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import type { Clock, Outcome } from "../ports.ts";
import type { RemoteResources } from "../resources.ts";

export interface MadeResources {
  sessionId: string;
  diskId: string;
  /** Further resources with the same mark, left by calls whose answer was lost. */
  surplusSessionIds: string[];
  surplusDiskIds: string[];
  /** An answer was lost: more resources may still appear under the same mark. */
  uncertain: boolean;
  /** False on a server that ignores owner labels, where a disk whose id was lost cannot be found again. */
  labelled: boolean;
}

/** At least one of the two could not be made. */
export interface HalfMade {
  error: AppError;
  sessionIds: string[];
  diskIds: string[];
}

interface Found {
  id: string;
  surplus: string[];
  uncertain: boolean;
}

/**
 * Makes both resources, in parallel. When an answer is lost, or an earlier call may have made something, it first
 * looks for what carries the session's mark.
 *
 * @param options.deadline The moment on `clock` after which nothing may be made: the next holder of the lease
 *   may have looked for it already.
 * @returns What was made and, unless that is both, the error `id_taken`, `acontext_unavailable` or `acontext_rejected`.
 */
export async function makeResources(
  { acontext, clock }: { acontext: RemoteResources; clock: Clock },
  { sessionId, resumed, deadline, disableTaskTracking }: {
    sessionId: string;
    resumed: boolean;
    deadline: number;
    disableTaskTracking: boolean;
  },
): Promise<MadeResources | HalfMade> {
  const mayMake = () => clock.now() <= deadline;
  let labelled = true;
  const [session, disk] = await Promise.all([
    makeOne({
      resumed,
      mayMake,
      make: () => acontext.createSession(sessionId, { disableTaskTracking }),
      find: () => acontext.findSessions(sessionId),
    }),
    makeOne({
      resumed,
      mayMake,
      make: async () => {
        const made = await acontext.createDisk(sessionId);
        if (made.kind === "done") labelled = made.value.labelled;
        return made;
      },
      find: async () => {
        const found = await acontext.findDisks(sessionId);
        // A server that ignores labels cannot tell whose disks these are: make one, never guess.
        return found.kind === "done" && !found.value.filtered
          ? { kind: "done", value: { ids: [] } }
          : found;
      },
    }),
  ]);
  const half = { sessionIds: idsOf(session), diskIds: idsOf(disk) };
  if (session.kind !== "done") return { error: unmade(session, sessionId), ...half };
  if (disk.kind !== "done") return { error: unmade(disk, sessionId), ...half };
  return {
    sessionId: session.value.id,
    diskId: disk.value.id,
    surplusSessionIds: session.value.surplus,
    surplusDiskIds: disk.value.surplus,
    uncertain: session.value.uncertain || disk.value.uncertain,
    labelled,
  };
}

function idsOf(outcome: Outcome<Found>): string[] {
  return outcome.kind === "done" ? [outcome.value.id, ...outcome.value.surplus] : [];
}

async function makeOne(
  resource: {
    resumed: boolean;
    mayMake(): boolean;
    make(): Promise<Outcome<{ id: string }>>;
    find(): Promise<Outcome<{ ids: string[] }>>;
  },
): Promise<Outcome<Found>> {
  if (resource.resumed) {
    const found = await findMade(resource);
    if (found !== null) return found;
  }
  if (!resource.mayMake()) return { kind: "unknown", detail: "late" };
  const made = await resource.make();
  if (made.kind === "done") {
    return { kind: "done", value: { id: made.value.id, surplus: [], uncertain: false } };
  }
  if (made.kind !== "unknown" && !isConflict(made)) return made;
  const found = await findMade(resource);
  return found ?? made;
}

/** The id exists: an earlier call's request landed late, or it is somebody else's. */
function isConflict(outcome: Outcome<unknown>): boolean {
  return outcome.kind === "rejected" && outcome.status === 409;
}

/** Null when the service answered and there is none. */
async function findMade(
  resource: { find(): Promise<Outcome<{ ids: string[] }>> },
): Promise<Outcome<Found> | null> {
  const found = await resource.find();
  if (found.kind !== "done") return found;
  const [id, ...surplus] = found.value.ids;
  return id === undefined ? null : { kind: "done", value: { id, surplus, uncertain: true } };
}

function unmade(
  outcome: Exclude<Outcome<unknown>, { kind: "done" }>,
  sessionId: string,
): AppError {
  switch (outcome.kind) {
    case "throttled":
      return unavailable("Acontext asks to slow down", {
        sessionId,
        retryAfterMs: outcome.retryAfterMs,
      });
    case "unavailable":
    case "unknown":
      return unavailable("Acontext did not confirm in time", { sessionId });
    case "absent":
      return rejected("http_404");
    case "rejected":
      return isConflict(outcome) ? new AppError("id_taken") : rejected(outcome.detail);
  }
}

function unavailable(
  reason: string,
  { sessionId, retryAfterMs }: { sessionId: string; retryAfterMs?: number },
): AppError {
  return new AppError("acontext_unavailable", {
    message: `Cannot create the session: ${reason}`,
    // A request without an id would begin another session.
    hint: `Send the same request again with "id": "${sessionId}"`,
    ...(retryAfterMs !== undefined && { retryAfterSeconds: retryAfterMs / 1000 }),
  });
}

function rejected(detail: string): AppError {
  return new AppError("acontext_rejected", {
    message: `Cannot create the session: Acontext refused it ("${detail}")`,
  });
}
