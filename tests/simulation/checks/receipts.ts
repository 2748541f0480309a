/** A receipt is true: what it names is gone; and nothing leaves the books without one. @module */

import type { Receipt, Snapshot } from "../snapshot.ts";
import { EPOCH, type Transaction, type World } from "../world.ts";
import type { Check } from "./check.ts";

export class Receipts implements Check {
  constructor(readonly world: World) {}

  transaction({ name }: Transaction, before: Snapshot, after: Snapshot): void {
    const receipts = new Map(after.receipts.map((receipt) => [receipt.id, receipt]));
    for (const receipt of receipts.values()) this.#verify(receipt, before, after);
    for (const entry of before.queue.values()) {
      if (after.queue.has(entry.id) || receipts.has(entry.id)) continue;
      if (after.rows.get(entry.id)?.status === "active") continue;
      this.#leak(`${name} dropped the queue entry of ${entry.id}`);
    }
    for (const row of before.rows.values()) {
      if (after.rows.has(row.id) || receipts.has(row.id)) continue;
      this.#leak(`${name} dropped the row of ${row.id}`);
    }
    for (const row of after.rows.values()) {
      if (row.status === "deleting" && !after.queue.has(row.id)) {
        this.#leak(`after ${name} ${row.id} is being deleted, but not in the queue`);
      }
    }
  }

  #verify(receipt: Receipt, before: Snapshot, after: Snapshot): void {
    const { id, origin } = receipt;
    const leasedUntil = before.leases.get(origin)?.until;
    if (leasedUntil !== undefined && leasedUntil > after.now && id === origin) {
      const maker = this.world.processes.find((process) =>
        process.running && process.kind === "create" && process.sessionId === origin
      );
      if (maker !== undefined && !this.world.skewed) {
        this.#leak(`the receipt of ${id} was written while ${maker.name} was making it`);
      }
    }
    for (const kind of ["session", "disk"] as const) {
      const proof = kind === "session" ? receipt.sessionProof : receipt.diskProof;
      if (proof === "unproven") continue;
      const named = receipt[kind];
      if (named !== null) {
        const resource = this.world.remote.live.get(named);
        // Deleted once, and made again by a request that landed late.
        if (resource !== undefined && resource.incarnation === 1) {
          this.#leak(`the receipt of ${id} says that ${kind} ${named} is gone`);
        }
      } else if (id === origin) {
        this.#verifyNothing(kind, receipt, after);
      }
    }
  }

  /** Nobody knew a remote id: then nothing that was there when it was asked for carries the mark. */
  #verifyNothing(kind: "session" | "disk", receipt: Receipt, after: Snapshot): void {
    for (const resource of this.world.remote.live.values()) {
      if (resource.kind !== kind || resource.origin !== receipt.origin) continue;
      if (resource.copyOf !== null) continue;
      if (EPOCH + resource.createdAt >= receipt.requestedAt || this.world.skewed) continue;
      if ([...after.queue.values()].some((entry) => entry[kind] === resource.id)) continue;
      if (kind === "disk" && !this.world.marksDisks) continue;
      this.#leak(`the receipt of ${receipt.id} says that it had no ${kind}, but ${resource.id} is`);
    }
  }

  #leak(detail: string): void {
    this.world.report("leak", "receipts", detail);
  }
}
