/** Whatever was created stays reachable: from a row, from the queue, or, after a mishap only, by its mark. @module */

import type { Resource } from "../remote.ts";
import type { World } from "../world.ts";
import type { Check } from "./check.ts";

export class Reachability implements Check {
  constructor(readonly world: World) {}

  step(): void {
    // Everything is put aside, and comes back.
    if (this.world.absent !== null) return;
    for (const resource of this.world.remote.live.values()) {
      if (resource.origin === null || resource.request === null && !resource.marked) continue;
      // An app's own, until its original has gone; then its mark leads to it.
      if (resource.copyOf !== null) continue;
      const why = this.#unreachable(resource, resource.origin);
      if (why !== null) {
        this.world.report("leak", "reachability", `${resource.kind} ${resource.id} ${why}`);
      }
    }
  }

  /** Null when something leads to it. */
  #unreachable({ kind, id, marked, request }: Resource, origin: string): string | null {
    const { rows, queue, uncertain } = this.world.snapshot;
    const row = rows.get(origin);
    for (const entry of queue.values()) if (entry[kind] === id) return null;
    if (row?.[kind] === id && (row.status !== "deleting" || queue.has(origin))) return null;
    // Its maker knows it, or still waits for the answer.
    if (request !== null && request.process.running) return null;
    // A disk on a server that knows no labels cannot be found: docs/architecture.md says so.
    if (!marked && !this.world.marksDisks && kind === "disk") return null;
    if (!marked) return "carries no mark";
    if (row?.status === "provisioning") return null;
    if (row?.status === "deleting" && row[kind] === null && queue.has(origin)) return null;
    if (!this.#excused(request)) {
      return `was made without a mishap, and neither ${row?.status ?? "a"} row nor queue names it`;
    }
    if (row?.status === "active" && !uncertain.has(origin)) {
      return "belongs to a live session that nobody doubts";
    }
    return null;
  }

  /** Its making met a mishap that leaves it to reconcile. */
  #excused(request: Resource["request"]): boolean {
    if (request === null) return true;
    return this.world.skewed || request.process.excuse !== null || request.status === null;
  }
}
