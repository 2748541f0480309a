/**
 * Deletes the two remote resources of one queue entry and says, for each, how it was proven gone.
 *
 * A 404 alone proves nothing: Acontext answers it for an outage too. The proof is a list that succeeds and does not
 * contain the resource.
 *
 * @module
 */
import type { Clock, Outcome } from "../ports.ts";
import type { RemoteResources } from "../resources.ts";
import type { Deletion, Proof } from "./ports.ts";

/** The result of one attempt at a resource. */
export type Removal =
  | { kind: "gone"; proof: Proof }
  | { kind: "throttled"; retryAfterMs: number }
  /** The service as a whole may be down. `underWay`: nothing answered, so it may still be working on the request. */
  | { kind: "unavailable"; error: string; underWay: boolean }
  /** This resource cannot be deleted now. */
  | { kind: "failed"; error: string }
  /** The lease leaves no time for another remote delete. */
  | { kind: "late" };

/** The result of one attempt at an entry; null for a resource that was gone before. */
export interface Attempt {
  session: Removal | null;
  disk: Removal | null;
}

interface Resource {
  /** Null when it is not known: the resource, if there is one, is found by its mark. */
  id: string | null;
  /** An earlier attempt failed. */
  retried: boolean;
  remove(id: string): Promise<Outcome<null>>;
  /** `complete: false`: the service cannot tell whose these are. */
  find(): Promise<Outcome<{ ids: string[]; complete: boolean }>>;
}

/**
 * Deletes what is left of one entry, both resources in parallel.
 *
 * @param deadline The moment on `clock` after which no remote delete may start, so that none is under way when the
 *   lease ends.
 */
export async function deleteRemote(
  { acontext, clock }: { acontext: RemoteResources; clock: Clock },
  deletion: Deletion,
  deadline: number,
): Promise<Attempt> {
  const mayDelete = () => clock.now() <= deadline;
  const retried = deletion.attempts > 0;
  const [session, disk] = await Promise.all([
    deletion.sessionGone ? null : removeResource({
      id: deletion.acontextSessionId,
      retried,
      remove: (id) => acontext.deleteSession(id),
      find: async () => {
        const found = await acontext.findSessions(deletion.originId);
        return found.kind === "done"
          ? { kind: "done", value: { ids: found.value.ids, complete: true } }
          : found;
      },
    }, mayDelete),
    deletion.diskGone ? null : removeResource({
      id: deletion.acontextDiskId,
      retried,
      remove: (id) => acontext.deleteDisk(id),
      find: async () => {
        const found = await acontext.findDisks(deletion.originId);
        return found.kind === "done"
          ? { kind: "done", value: { ids: found.value.ids, complete: found.value.filtered } }
          : found;
      },
    }, mayDelete),
  ]);
  return isForeign(session) && disk?.kind === "gone" && disk.proof === "absent"
    ? { session, disk: { kind: "failed", error: "wrong_project" } }
    : { session, disk };
}

/** The key belongs to another Acontext project, in which a disk of ours neither exists nor is listed. */
function isForeign(session: Removal | null): boolean {
  return session?.kind === "failed" && session.error === "http_403";
}

function removeResource(resource: Resource, mayDelete: () => boolean): Promise<Removal> {
  return resource.id === null
    ? removeByMark(resource, mayDelete)
    : removeById(resource, resource.id, mayDelete);
}

async function removeById(
  resource: Resource,
  id: string,
  mayDelete: () => boolean,
): Promise<Removal> {
  if (!mayDelete()) return { kind: "late" };
  const removed = await resource.remove(id);
  if (removed.kind === "done") return { kind: "gone", proof: "deleted" };
  // Old servers answer 500 for a missing session, so a repeated 500 is worth a look at the list too.
  const maybeAbsent = removed.kind === "absent" ||
    (removed.kind === "unknown" && removed.detail === "http_500" && resource.retried);
  if (!maybeAbsent) return failure(removed);
  const found = await resource.find();
  if (found.kind !== "done") return failure(found);
  return found.value.ids.includes(id)
    ? { kind: "failed", error: "still_listed" }
    : { kind: "gone", proof: "absent" };
}

async function removeByMark(resource: Resource, mayDelete: () => boolean): Promise<Removal> {
  const found = await resource.find();
  if (found.kind !== "done") return failure(found);
  const { ids, complete } = found.value;
  if (ids.length === 0) return { kind: "gone", proof: "absent" };
  // A server that ignores labels cannot say whether a lost disk exists: record that, touch nothing.
  if (!complete) return { kind: "gone", proof: "unproven" };
  let claimedAbsent = false;
  for (const id of ids) {
    if (!mayDelete()) return { kind: "late" };
    const removed = await resource.remove(id);
    if (removed.kind === "absent") claimedAbsent = true;
    else if (removed.kind !== "done") return failure(removed);
  }
  if (!claimedAbsent) return { kind: "gone", proof: "deleted" };
  const left = await resource.find();
  if (left.kind !== "done") return failure(left);
  return left.value.ids.length > 0
    ? { kind: "failed", error: "still_listed" }
    : { kind: "gone", proof: "absent" };
}

/** An error of Acontext's own; 502 and 504 come from a gateway that stopped waiting for it. */
const ANSWERED = /^http_5(?!02|04)/;

function failure(outcome: Exclude<Outcome<unknown>, { kind: "done" }>): Removal {
  switch (outcome.kind) {
    case "throttled":
      return { kind: "throttled", retryAfterMs: outcome.retryAfterMs };
    case "unavailable":
      return { kind: "unavailable", error: outcome.detail, underWay: false };
    case "unknown":
      return {
        kind: "unavailable",
        error: outcome.detail,
        underWay: !ANSWERED.test(outcome.detail),
      };
    case "rejected":
      return { kind: "failed", error: outcome.detail };
    case "absent":
      return { kind: "failed", error: "http_404" };
  }
}
