/**
 * Reports on what was claimed, claim by claim: a batch is what one claim took, and its reports go to the database
 * together, under the lease of that claim, beside the work.
 *
 * @module
 */
import type { HeldDeletions } from "./delete_limits.ts";
import type { Deletion, DeletionStore, Settlement } from "./ports.ts";
import type { Tally } from "./tally.ts";

/** Reports that one call settles, unless a batch ends earlier. */
const SETTLE_SIZE = 64;

/** What one claim took. */
export interface Batch {
  lease: HeldDeletions;
  /** Entries without a report. */
  open: number;
  /** Not sent yet. */
  reports: Settlement[];
}

export interface Claimed {
  deletion: Deletion;
  batch: Batch;
}

export class Batches {
  #settling = new Set<Promise<void>>();
  readonly #store: DeletionStore;
  readonly #tally: Tally;
  readonly #fail: (error: unknown) => void;

  constructor(
    { store, tally, fail }: {
      store: DeletionStore;
      tally: Tally;
      fail: (error: unknown) => void;
    },
  ) {
    this.#store = store;
    this.#tally = tally;
    this.#fail = fail;
  }

  report({ batch }: Claimed, settlement: Settlement): void {
    this.#tally.report(settlement);
    batch.reports.push(settlement);
    batch.open -= 1;
    if (batch.open === 0 || batch.reports.length >= SETTLE_SIZE) this.#settle(batch);
  }

  /** Gives back, at once, entries that nothing was begun on. */
  giveBack(untouched: Claimed[]): void {
    const batches = new Set<Batch>();
    for (const claimed of untouched) {
      this.report(claimed, { id: claimed.deletion.id, disposition: "release" });
      batches.add(claimed.batch);
    }
    for (const batch of batches) {
      if (batch.reports.length > 0) this.#settle(batch);
    }
  }

  /** Resolves when every report that was sent is answered. */
  async settled(): Promise<void> {
    await Promise.all(this.#settling);
  }

  #settle(batch: Batch): void {
    const reports = batch.reports;
    batch.reports = [];
    const settling = this.#store.settleDeletions(batch.lease.leaseId, reports)
      .then((settled) => this.#tally.settle(reports, settled))
      .catch(this.#fail)
      .finally(() => this.#settling.delete(settling));
    this.#settling.add(settling);
  }
}
