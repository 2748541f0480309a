/**
 * Deletes the two remote resources of one queue entry and says, for each, how it was proven gone.
 *
 * A 404 alone proves nothing: Acontext answers it for an outage too. The proof is a list that succeeds and does not
 * contain the resource. Nor does a delete without an answer prove that nothing happened, so before another is sent the
 * list is looked at.
 *
 * The files of a disk are deleted one by one, and then the disk. Acontext counts the references of a whole disk down
 * before it forgets the disk: a delete that breaks off in between and is repeated counts them down twice, and files that
 * others share are gone. That of one file has no such time, but for the instant between two statements.
 *
 * @module
 */
import type { Clock, Outcome } from "../ports.ts";
import type { RemoteResources } from "../resources.ts";
import { expectedMs, hadWholeLife, limitOf, type Timeframe } from "./delete_limits.ts";
import type { Deletion, Proof } from "./ports.ts";

/** The result of one attempt at a resource. */
export type Removal =
  | { kind: "gone"; proof: Proof }
  | { kind: "throttled"; retryAfterMs: number }
  /** The service as a whole may be down. `underWay`: nothing answered, so it may still be working on the request. */
  | { kind: "unavailable"; error: string; underWay: boolean }
  /** This resource cannot be deleted now. */
  | { kind: "failed"; error: string }
  /** There is no time for another remote delete, or the attempt at the other resource ended it. */
  | { kind: "late" };

/** The result of one attempt at an entry; null for a resource that was gone before. */
export interface Attempt {
  session: Removal | null;
  disk: Removal | null;
  /** Whose delete was sent, with an effect that is not known. */
  inDoubt: ("session" | "disk")[];
  /** Deletes sent although an earlier one may have had an effect. */
  repeated: number;
  /** A delete did not end within its limit. `always`: nor would it with all the time that a worker has. */
  slow: "no" | "now" | "always";
  /** How long Acontext took to delete the session; null when that was not seen. */
  sessionMs: number | null;
}

interface Resource {
  kind: "session" | "disk";
  /** Null when it is not known: the resource, if there is one, is found by its mark. */
  id: string | null;
  /** Null when it is not known how much there is to delete. */
  messages: number | null;
  /** An earlier delete was sent, and its effect is not known. */
  inDoubt: boolean;
  remove(id: string, limitMs: number): Promise<Outcome<null>>;
  /** What it has that is deleted one by one before it. */
  contents?: {
    find(id: string): Promise<Outcome<string[]>>;
    remove(id: string, path: string, limitMs: number): Promise<Outcome<null>>;
  };
  /** `complete: false`: the service cannot tell whose these are. */
  find(): Promise<Outcome<{ ids: string[]; complete: boolean }>>;
}

/**
 * Deletes what is left of one entry, one remote delete at a time: an entry that is worked on is one delete under way.
 *
 * Each has the time that `frame` gives it, and none begins that could not be waited for.
 */
export async function deleteRemote(
  { acontext, clock }: { acontext: RemoteResources; clock: Clock },
  deletion: Deletion,
  frame: Timeframe,
): Promise<Attempt> {
  const removing = new Removing(clock, frame);
  const session = deletion.sessionGone ? null : await removing.remove({
    kind: "session",
    id: deletion.acontextSessionId,
    inDoubt: deletion.sessionInDoubt,
    messages: deletion.messages,
    remove: async (id, limitMs) => {
      const from = clock.now();
      const removed = await acontext.deleteSession(id, limitMs);
      if (removed.kind === "done") removing.sessionMs = Math.round(clock.now() - from);
      return removed;
    },
    find: async () => {
      const found = await acontext.findSessions(deletion.originId);
      return found.kind === "done"
        ? { kind: "done", value: { ids: found.value.ids, complete: true } }
        : found;
    },
  });
  const disk = deletion.diskGone ? null : endsAttempt(session) ? LATE : await removing.remove({
    kind: "disk",
    id: deletion.acontextDiskId,
    inDoubt: deletion.diskInDoubt,
    messages: null,
    remove: (id, limitMs) => acontext.deleteDisk(id, limitMs),
    contents: {
      find: (id) => acontext.findFiles(id),
      remove: (id, path, limitMs) => acontext.deleteFile(id, path, limitMs),
    },
    find: async () => {
      const found = await acontext.findDisks(deletion.originId);
      return found.kind === "done"
        ? { kind: "done", value: { ids: found.value.ids, complete: found.value.filtered } }
        : found;
    },
  });
  const { inDoubt, repeated, slow, sessionMs } = removing;
  const notes = { inDoubt, repeated, slow, sessionMs };
  return isForeign(session) && disk?.kind === "gone" && disk.proof === "absent"
    ? { session, disk: { kind: "failed", error: "wrong_project" }, ...notes }
    : { session, disk, ...notes };
}

const LATE: Removal = { kind: "late" };
const NOTHING: Outcome<string[]> = { kind: "done", value: [] };

/** Whether what stopped the first delete would stop the second, too: anything but an error with this session. */
function endsAttempt(session: Removal | null): boolean {
  return session?.kind === "throttled" ||
    (session?.kind === "unavailable" && session.error !== "http_500");
}

/** The key belongs to another Acontext project, in which a disk of ours neither exists nor is listed. */
function isForeign(session: Removal | null): boolean {
  return session?.kind === "failed" && session.error === "http_403";
}

/** One attempt at an entry: what is done to its resources, and what has to be remembered of that. */
class Removing {
  readonly inDoubt: ("session" | "disk")[] = [];
  repeated = 0;
  slow: Attempt["slow"] = "no";
  sessionMs: number | null = null;
  readonly #clock: Clock;
  readonly #frame: Timeframe;

  constructor(clock: Clock, frame: Timeframe) {
    this.#clock = clock;
    this.#frame = frame;
  }

  remove(resource: Resource): Promise<Removal> {
    return resource.id === null ? this.#byMark(resource) : this.#byId(resource, resource.id);
  }

  async #byId(resource: Resource, id: string): Promise<Removal> {
    if (this.#limit(resource) === null) return LATE;
    if (resource.inDoubt) {
      const found = await resource.find();
      if (found.kind !== "done") return failure(found);
      if (!found.value.ids.includes(id)) return { kind: "gone", proof: "absent" };
    }
    const removed = await this.#send(resource, id);
    if (removed === null) return LATE;
    if (removed.kind === "done") return { kind: "gone", proof: "deleted" };
    if (removed.kind !== "absent") return failure(removed);
    const found = await resource.find();
    if (found.kind !== "done") return failure(found);
    return found.value.ids.includes(id)
      ? { kind: "failed", error: "still_listed" }
      : { kind: "gone", proof: "absent" };
  }

  async #byMark(resource: Resource): Promise<Removal> {
    const found = await resource.find();
    if (found.kind !== "done") return failure(found);
    const { ids, complete } = found.value;
    if (ids.length === 0) return { kind: "gone", proof: "absent" };
    // A server that ignores labels cannot say whether a lost disk exists: record that, touch nothing.
    if (!complete) return { kind: "gone", proof: "unproven" };
    let claimedAbsent = false;
    for (const id of ids) {
      const removed = await this.#send(resource, id);
      if (removed === null) return LATE;
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

  /** Deletes a resource, and before it what it has. Null when there is no time for all of that. */
  async #send(resource: Resource, id: string): Promise<Outcome<null> | null> {
    const { contents } = resource;
    const found = await contents?.find(id) ?? NOTHING;
    // Where the server does not show the files, they go with the disk.
    if (found.kind !== "done" && found.kind !== "absent") return found;
    const files = found.kind === "done" ? found.value : [];
    for (const [index, path] of [...files, null].entries()) {
      const limitMs = this.#limit(resource);
      if (limitMs === null) return null;
      if (resource.inDoubt && index === 0) this.repeated += 1;
      const removed = path === null || contents === undefined
        ? await resource.remove(id, limitMs)
        : await contents.remove(id, path, limitMs);
      if (removed.kind === "unknown") this.#noteDoubt(resource, { ...removed, limitMs });
      if (removed.kind !== "done" || path === null) return removed;
    }
    return null;
  }

  #noteDoubt(resource: Resource, { detail, limitMs }: { detail: string; limitMs: number }): void {
    this.inDoubt.push(resource.kind);
    if (detail === "timeout" && this.#mayNeedLonger(resource, limitMs)) {
      this.slow = hadWholeLife(limitMs, this.#frame) ? "always" : "now";
    }
  }

  #limit({ messages }: Resource): number | null {
    return limitOf(this.#frame, { messages: messages ?? 0, now: this.#clock.now() });
  }

  /** Not the first delete of a few messages: there, an answer was lost. Twice is no accident. */
  #mayNeedLonger({ messages, inDoubt }: Resource, limitMs: number): boolean {
    return inDoubt || (messages !== null && expectedMs(this.#frame, messages) >= limitMs / 4);
  }
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
