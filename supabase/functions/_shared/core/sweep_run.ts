/**
 * The working part of a sweep: a fixed number of slots, fed by claims and drained by settlements, both in batches and
 * both beside the work, so that no slot waits for the database while there is something to delete.
 *
 * @module
 */
import { deleteRemote } from "./delete_remote.ts";
import { type HeldLease, newLease } from "./lease.ts";
import { OutageDetector } from "./outage_detector.ts";
import type { Deletion, RunError, RunResult, Settlement, StopReason } from "./ports.ts";
import { retryAfterOf, settlementOf, verdictOf } from "./settlement.ts";
import type { SweepDeps } from "./sweep.ts";

/** How many sessions one step moves into the queue. */
const QUEUE_STEP = 500;
/** How many reports one call settles, unless a claim ends earlier. */
const SETTLE_STEP = 64;
const MAX_ERRORS = 20;

export interface RunLimits {
  runId: string;
  /** Sessions at most. */
  limit: number;
  /** Sessions worked on at a time. */
  concurrency: number;
  /** On the run's clock: nothing new is begun after it. */
  endsAt: number;
  signal: AbortSignal;
}

/** What one claim took, reported on together. */
interface Batch {
  lease: HeldLease;
  open: number;
  reports: Settlement[];
}

interface Claimed {
  deletion: Deletion;
  batch: Batch;
}

export class SweepRun {
  #ready: Claimed[] = [];
  #feeding: Promise<void> | null = null;
  #settling = new Set<Promise<void>>();
  #moreDue = true;
  #exhausted = false;
  #breaker = false;
  #stop: StopReason | null = null;
  #pausedUntil = 0;
  #claimed = new Set<string>();
  #failed = new Set<string>();
  #deleted = 0;
  #givenBack = 0;
  #errors: RunError[] = [];
  readonly #outage: OutageDetector<{ claimed: Claimed; report(sickIsFailure: boolean): void }>;

  constructor(readonly deps: SweepDeps, readonly limits: RunLimits) {
    this.#outage = new OutageDetector({
      probe: () => deps.acontext.probe(),
      decide: (suspect, sickIsFailure) => suspect.report(sickIsFailure),
    });
  }

  /** Never throws: whatever goes wrong ends the run with a reason, and leases end by themselves. */
  async work(): Promise<RunResult> {
    const shutDown = () => this.#end("shutdown");
    this.limits.signal.addEventListener("abort", shutDown, { once: true });
    if (this.limits.signal.aborted) shutDown();
    do {
      this.#exhausted = false;
      this.#givenBack = 0;
      await Promise.all(Array.from({ length: this.limits.concurrency }, () => this.#slot()));
      if (await this.#outage.close()) this.#end("outage");
      this.#giveBackReady();
      await Promise.all(this.#settling);
      // What was given back for a moment, because of a 429 or a short lease, is due again.
    } while (this.#stop === null && this.#givenBack > 0);
    this.limits.signal.removeEventListener("abort", shutDown);
    const { size: total } = this.#claimed;
    const failed = this.#failed.size;
    return {
      total,
      deleted: this.#deleted,
      failed,
      deferred: Math.max(0, total - this.#deleted - failed),
      stopReason: this.#stop ?? (this.#breaker ? "breaker" : "empty"),
      errors: this.#errors,
    };
  }

  async #slot(): Promise<void> {
    for (let next = await this.#next(); next !== null; next = await this.#next()) {
      await this.#handle(next);
    }
  }

  async #next(): Promise<Claimed | null> {
    const { clock } = this.deps;
    while (true) {
      if (this.#stop === null && clock.now() >= this.limits.endsAt) this.#end("time_budget");
      if (this.#stop !== null) return null;
      const pause = this.#pausedUntil - clock.now();
      if (pause > 0) {
        await clock.sleep(pause, this.limits.signal);
        continue;
      }
      const claimed = this.#ready.pop();
      if (claimed !== undefined) {
        if (this.#ready.length < this.limits.concurrency) void this.#feed();
        return claimed;
      }
      if (this.#exhausted) return null;
      await this.#feed();
    }
  }

  #feed(): Promise<void> {
    if (this.#exhausted || this.#stop !== null) return Promise.resolve();
    this.#feeding ??= this.#claimMore()
      .catch((error) => this.#fail(error))
      .finally(() => this.#feeding = null);
    return this.#feeding;
  }

  async #claimMore(): Promise<void> {
    const { store } = this.deps;
    const { runId, concurrency, limit } = this.limits;
    const left = limit - this.#claimed.size;
    if (left <= 0) {
      this.#end("limit");
      return;
    }
    if (this.#moreDue) {
      const queued = await store.queueDue({ runId, limit: Math.min(QUEUE_STEP, left) });
      this.#moreDue = queued.more;
      this.#breaker = queued.breaker;
    }
    const lease = newLease(this.deps);
    const wanted = Math.min(left, Math.max(64, 8 * concurrency));
    const deletions = await store.claimDeletions({ limit: wanted }, lease);
    if (deletions.length === 0) this.#exhausted = !this.#moreDue;
    const batch: Batch = { lease, open: deletions.length, reports: [] };
    for (const deletion of deletions) {
      this.#claimed.add(deletion.id);
      this.#failed.delete(deletion.id);
    }
    // Taken from the end, and an older batch's lease ends sooner.
    this.#ready.unshift(...deletions.reverse().map((deletion) => ({ deletion, batch })));
  }

  async #handle(claimed: Claimed): Promise<void> {
    const { deletion, batch } = claimed;
    const attempt = await deleteRemote(this.deps, deletion, batch.lease.deadline);
    const report = (sickIsFailure: boolean) =>
      this.#report(claimed, settlementOf(deletion, attempt, { sickIsFailure }));
    switch (verdictOf(attempt)) {
      case "gone":
      case "failed":
        report(true);
        this.#outage.alive();
        break;
      case "throttled":
        this.#pause(retryAfterOf(attempt));
        report(false);
        break;
      case "late":
        report(false);
        break;
      case "sick":
        if (await this.#outage.suspect({ claimed, report })) this.#end("outage");
    }
  }

  #pause(ms: number): void {
    const { clock } = this.deps;
    this.#pausedUntil = Math.max(this.#pausedUntil, clock.now() + ms);
    if (this.#pausedUntil >= this.limits.endsAt) this.#end("throttled");
  }

  #report({ deletion, batch }: Claimed, settlement: Settlement): void {
    if (settlement.otherwise === "failed" && settlement.error !== undefined) {
      this.#failed.add(deletion.id);
      if (this.#errors.length < MAX_ERRORS) {
        this.#errors.push({ id: deletion.id, error: settlement.error });
      }
    }
    batch.reports.push(settlement);
    batch.open -= 1;
    if (batch.open === 0 || batch.reports.length >= SETTLE_STEP) this.#settle(batch);
  }

  #settle(batch: Batch): void {
    const reports = batch.reports;
    batch.reports = [];
    const settled = this.deps.store.settleDeletions(batch.lease.leaseId, reports)
      .then(({ deleted, released }) => {
        this.#deleted += deleted;
        this.#givenBack += released;
      })
      .catch((error) => this.#fail(error))
      .finally(() => this.#settling.delete(settled));
    this.#settling.add(settled);
  }

  #giveBackReady(): void {
    for (const claimed of this.#ready.splice(0)) {
      this.#report(claimed, { id: claimed.deletion.id, otherwise: "released" });
    }
  }

  #end(reason: StopReason): void {
    this.#stop ??= reason;
  }

  #fail(error: unknown): void {
    this.deps.log.error("sweep_database_failed", {
      runId: this.limits.runId,
      error: error instanceof Error ? error.name : typeof error,
    });
    this.#end("error");
  }
}
