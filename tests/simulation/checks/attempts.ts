/** Attempts are spread over time, and what is nobody's fault counts none. @module */

import type { Snapshot } from "../snapshot.ts";
import type { Transaction, World } from "../world.ts";
import type { Check } from "./check.ts";

const SHORTEST_BACKOFF_MS = 30_000;

export class Attempts implements Check {
  readonly #lastFailure = new Map<string, number>();

  constructor(readonly world: World) {}

  transaction({ name, process }: Transaction, before: Snapshot, after: Snapshot): void {
    for (const [id, { attempts, firstClaimedAt }] of after.queue) {
      const was = before.queue.get(id);
      if (was === undefined) this.#lastFailure.delete(id);
      if (was === undefined || attempts === was.attempts) continue;
      const last = this.#lastFailure.get(id);
      if (last !== undefined && after.now - last < SHORTEST_BACKOFF_MS && !this.world.skewed) {
        this.#stuck(`${name} failed ${id} again without a pause`);
      }
      this.#lastFailure.set(id, after.now);
      const { totalSince } = this.world;
      if (
        process !== null && totalSince !== null && totalSince < process.startedAt &&
        firstClaimedAt !== null
      ) {
        this.#stuck(`${name} counted an attempt of ${id}, although nothing could have worked`);
      }
    }
  }

  #stuck(detail: string): void {
    this.world.report("stuck", "attempts", detail);
  }
}
