/** What live sessions hold is not lost by what we do, and deletes come neither too soon nor too many at a time. @module */

import type { Process } from "../process.ts";
import type { RemoteRequest } from "../remote.ts";
import type { World } from "../world.ts";
import type { Check } from "./check.ts";
import { deletedBy } from "./paths.ts";

/** A write is noted every second, and nothing is deleted within three. */
const LEAST_GAP_MS = 2_000;
/** `max_remote_deletes`, which no plan changes. */
const MOST_DELETES = 32;
const LIST = /^\/(session|disk)\?/;
const DELETED = /^\/(session|disk)\//;
const STORE = /^\/session\/([0-9a-f-]+)\/messages/;

/** No answer, or one that leaves it open. */
function mayHaveHadEffect({ status }: RemoteRequest): boolean {
  return status === null || (status >= 500 && status !== 503);
}

export class ContentCheck implements Check {
  /** When the last message of a remote session was answered. */
  readonly #writtenAt = new Map<string, number>();
  readonly #underWay = new Set<RemoteRequest>();
  /** The last delete of each remote id. */
  readonly #deleted = new Map<string, RemoteRequest>();
  /** Processes that have read a list, and of what. */
  readonly #looked = new Map<Process, Set<string>>();
  #lookAgain = false;

  constructor(readonly world: World) {}

  sent(request: RemoteRequest): void {
    const [, listed] = LIST.exec(request.path) ?? [];
    if (request.method === "GET" && listed !== undefined) {
      const looked = this.#looked.get(request.process) ?? new Set();
      this.#looked.set(request.process, looked.add(listed));
    }
    const id = deletedBy(request);
    if (id === null) return;
    const [, kind = ""] = DELETED.exec(request.path) ?? [];
    const earlier = this.#deleted.get(id);
    if (earlier !== undefined && mayHaveHadEffect(earlier)) {
      if (!this.#looked.get(request.process)?.has(kind)) {
        this.#report("wrong deletion", `${id} is deleted again without a look`);
      }
    }
    this.#deleted.set(id, request);
    const { now } = this.world.scheduler;
    const writtenAt = this.#writtenAt.get(id);
    if (writtenAt !== undefined && now - writtenAt < LEAST_GAP_MS && !this.world.skewed) {
      this.#report("leak", `${id} is deleted ${now - writtenAt} ms after a message was stored`);
    }
    for (const other of this.#underWay) {
      if (other.settledAt !== null || !other.process.running) this.#underWay.delete(other);
    }
    this.#underWay.add(request);
    if (this.#underWay.size > MOST_DELETES) {
      this.#report("wrong deletion", `${this.#underWay.size} deletes are under way`);
    }
  }

  handled(request: RemoteRequest): void {
    const [, stored] = STORE.exec(request.path) ?? [];
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
      if (live.has(of)) this.#report("content loss", `a message of ${of} is lost`);
    }
  }

  #report(kind: "leak" | "wrong deletion" | "content loss", detail: string): void {
    this.world.report(kind, "content", detail);
  }
}
