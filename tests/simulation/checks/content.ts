/** What live sessions hold is not lost by what we do, and deletes come neither too soon nor too many at a time. @module */

import type { RemoteRequest } from "../remote.ts";
import type { World } from "../world.ts";
import type { Check } from "./check.ts";
import { deletedBy } from "./paths.ts";

/** A write is noted every second, and nothing is deleted within three. */
const LEAST_GAP_MS = 2_000;
/** `max_remote_deletes`, which no plan changes. */
const MOST_DELETES = 32;
const STORE = /^\/session\/([0-9a-f-]+)\/messages/;

export class ContentCheck implements Check {
  /** When the last message of a remote session was answered. */
  readonly #writtenAt = new Map<string, number>();
  readonly #underWay = new Set<RemoteRequest>();
  #lookAgain = false;

  constructor(readonly world: World) {}

  sent(request: RemoteRequest): void {
    const id = deletedBy(request);
    if (id === null) return;
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
