/** What live sessions hold is not lost by what we do, and deletes come neither too soon nor too many at a time. @module */

import type { Process } from "../process.ts";
import type { RemoteRequest, Resource } from "../remote.ts";
import { NAMESPACE, type World } from "../world.ts";
import type { Check } from "./check.ts";
import { deletedBy, lookedFor } from "./paths.ts";

/** A write is noted every second, and nothing is deleted within three. */
const LEAST_GAP_MS = 2_000;
const DELETED = /^\/(session|disk)\//;
const STORE = /^\/(?:session\/([0-9a-f-]+)\/messages|disk\/([0-9a-f-]+)\/artifact)/;

/** No answer, or one that leaves it open. */
function mayHaveHadEffect({ status }: RemoteRequest): boolean {
  return status === null || (status >= 500 && status !== 503);
}

/** A request, with its place in the order of all. */
interface Sent {
  request: RemoteRequest;
  order: number;
}

export class ContentCheck implements Check {
  /** When the last message of a remote session, or file of a disk, was answered. */
  readonly #writtenAt = new Map<string, number>();
  readonly #underWay = new Set<RemoteRequest>();
  /** The last delete of each remote id. */
  readonly #deleted = new Map<string, Sent>();
  /** For which session each remote id was made, whatever became of it. */
  readonly #origins = new Map<string, string>();
  /** When each process last asked for what carries which mark. */
  readonly #looked = new Map<Process, Map<string, number>>();
  #order = 0;
  #lookAgain = false;

  constructor(readonly world: World) {}

  created({ id, origin }: Resource): void {
    if (origin !== null) this.#origins.set(id, origin);
    // By a request that landed late: an earlier delete was of another.
    this.#deleted.delete(id);
  }

  sent(request: RemoteRequest): void {
    this.#order += 1;
    const search = lookedFor(request, NAMESPACE);
    if (search !== null) {
      const looked = this.#looked.get(request.process) ?? new Map();
      this.#looked.set(request.process, looked.set(search, this.#order));
    }
    const id = deletedBy(request);
    if (id === null) return;
    this.#watchRepetition(request, id);
    this.#watchGap(id);
    this.#watchCap(request);
  }

  handled(request: RemoteRequest): void {
    const [, session, disk] = STORE.exec(request.path) ?? [];
    const stored = session ?? disk;
    if (request.method === "POST" && stored !== undefined) {
      this.#writtenAt.set(stored, this.world.scheduler.now);
    }
    if (request.method === "DELETE") this.#lookAgain = true;
  }

  step(): void {
    if (!this.#lookAgain) return;
    this.#lookAgain = false;
    const live = new Set<string | null>();
    for (const { status, session, disk } of this.world.snapshot.rows.values()) {
      if (status === "active") live.add(session).add(disk);
    }
    for (const { of } of this.world.remote.content().losses) {
      if (live.has(of)) this.#report("content loss", `something of ${of} is lost`);
    }
  }

  /** When the effect of a delete is not known, its sender asks for what carries the mark before it sends another. */
  #watchRepetition(request: RemoteRequest, id: string): void {
    const earlier = this.#deleted.get(id);
    this.#deleted.set(id, { request, order: this.#order });
    if (earlier === undefined || !mayHaveHadEffect(earlier.request)) return;
    const [, kind] = DELETED.exec(request.path) ?? [];
    const lookedAt = this.#looked.get(request.process)?.get(`${kind} ${this.#origins.get(id)}`);
    if (lookedAt === undefined || lookedAt < earlier.order) {
      this.#report("wrong deletion", `${id} is deleted again without a look`);
    }
  }

  #watchGap(id: string): void {
    const gap = this.world.scheduler.now - (this.#writtenAt.get(id) ?? -Infinity);
    if (gap < LEAST_GAP_MS && !this.world.skewed) {
      this.#report("leak", `${id} is deleted ${gap} ms after something was stored`);
    }
  }

  #watchCap(request: RemoteRequest): void {
    const { now } = this.world.scheduler;
    this.#underWay.add(request);
    let count = 0;
    for (const other of this.#underWay) {
      const { settledAt, process } = other;
      if (settledAt !== null || !process.running) this.#underWay.delete(other);
      // Who is frozen cannot give up in time, and its slot may be another's by then.
      else if (process.frozenUntil <= now) count += 1;
    }
    if (count > this.world.snapshot.settings.maxRemoteDeletes && !this.world.skewed) {
      this.#report("wrong deletion", `${count} deletes are under way`);
    }
  }

  #report(kind: "leak" | "wrong deletion" | "content loss", detail: string): void {
    this.world.report(kind, "content", detail);
  }
}
