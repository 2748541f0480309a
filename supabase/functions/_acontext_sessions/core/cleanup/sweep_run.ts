/**
 * The working part of a sweep: a fixed number of slots, fed by claims and drained by settlements, both in batches and
 * both beside the work, so that no slot waits for the database while there is something to delete.
 *
 * @module
 */
import { describeError } from "../errors.ts";
import { deleteRemote } from "./delete_remote.ts";
import { type HeldLease, newLease } from "../lease.ts";
import { OutageDetector } from "./circuit_breaker.ts";
import type { Deletion, RunError, RunResult, Settlement, StopReason } from "./ports.ts";
import { retryAfterOf, settlementOf, verdictOf } from "./settlement.ts";
import type { SweepDeps } from "./sweep.ts";

/** Sessions that one claim takes at most. */
const MAX_CLAIM = 1_000;
/** What one claim takes: the work of so many seconds, at the speed seen until then. */
const CLAIM_SECONDS = 1;
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
  #queueing: Promise<void> | null = null;
  #settling = new Set<Promise<void>>();
  #moreDue = true;
  /** Moved into the queue by this run. */
  #queued = 0;
  /** Of these, not claimed since. */
  #queuedAhead = 0;
  #exhausted = false;
  #limited = false;
  #tooManyExpiring = false;
  #stop: StopReason | null = null;
  #pausedUntil = 0;
  #startedAt: number | null = null;
  #reported = 0;
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
    const shutDown = () => {
      this.#end("shutdown");
      // The worker may be gone before what is under way ends.
      this.#giveBackReady();
    };
    this.limits.signal.addEventListener("abort", shutDown, { once: true });
    if (this.limits.signal.aborted) shutDown();
    do {
      this.#exhausted = false;
      this.#givenBack = 0;
      await Promise.all(Array.from({ length: this.limits.concurrency }, () => this.#slot()));
      // A claim that was under way when the run stopped has leased something, too.
      await this.#feeding;
      await this.#queueing;
      this.#giveBackReady();
      if (this.#stop === "shutdown") this.#outage.acquit();
      else if (await this.#outage.close()) this.#end("outage");
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
      stopReason: this.#stop ??
        (this.#limited ? "limit" : this.#tooManyExpiring ? "too_many_expiring" : "empty"),
      errors: this.#errors,
    };
  }

  async #slot(): Promise<void> {
    try {
      for (let next = await this.#next(); next !== null; next = await this.#next()) {
        await this.#handle(next);
      }
    } catch (error) {
      this.#fail(error);
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
        // A whole claim ahead, so that the database may take as long as the work.
        if (this.#ready.length < this.#claimSize()) void this.#feed();
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
    const { limit } = this.limits;
    const left = limit - this.#claimed.size;
    if (left <= 0) {
      // What is claimed is still worked on.
      this.#limited = true;
      this.#exhausted = true;
      return;
    }
    const wanted = Math.min(left, this.#claimSize());
    if (this.#queuedAhead < wanted) await this.#queueMore();
    if (this.#stop !== null) return;
    const ahead = this.#queuedAhead;
    const lease = newLease(this.deps);
    const deletions = await store.claimDeletions({ limit: wanted }, lease);
    // A claim that came back short has met all that was due before it.
    this.#queuedAhead -= deletions.length < wanted ? ahead : Math.min(ahead, deletions.length);
    if (deletions.length === 0) this.#exhausted = !this.#moreDue && this.#queuedAhead === 0;
    else this.#startedAt ??= this.deps.clock.now();
    const batch: Batch = { lease, open: deletions.length, reports: [] };
    for (const deletion of deletions) {
      this.#claimed.add(deletion.id);
      this.#failed.delete(deletion.id);
    }
    // Taken from the end, and an older batch's lease ends sooner.
    this.#ready.unshift(...deletions.reverse().map((deletion) => ({ deletion, batch })));
    // For the next claim, beside the work.
    if (this.#queuedAhead < 2 * wanted) void this.#queueMore();
  }

  /** Sessions a second; null as long as too few were worked on to tell. */
  #speed(): number | null {
    if (this.#startedAt === null || this.#reported < this.limits.concurrency) return null;
    return 1000 * this.#reported / Math.max(this.deps.clock.now() - this.#startedAt, 1);
  }

  /** Enough that no slot waits for the database, and little enough to be worked on long before the lease ends. */
  #claimSize(): number {
    const { concurrency } = this.limits;
    const speed = this.#speed() ?? 0;
    return Math.round(Math.min(Math.max(speed * CLAIM_SECONDS, 4 * concurrency), MAX_CLAIM));
  }

  #queueMore(): Promise<void> {
    if (!this.#moreDue || this.#stop !== null) return Promise.resolve();
    this.#queueing ??= this.#queueStep()
      .catch((error) => this.#fail(error))
      .finally(() => this.#queueing = null);
    return this.#queueing;
  }

  async #queueStep(): Promise<void> {
    const { runId, limit } = this.limits;
    // No more than the run may take up: the rest keeps the chance of being used again. What has a grace period is queued
    // and not claimed.
    if (this.#queued >= limit) {
      this.#limited = true;
      this.#moreDue = false;
      return;
    }
    const ahead = Math.max(this.#queued, this.#claimed.size + this.#queuedAhead);
    const step = Math.min(2 * this.#claimSize(), limit - ahead);
    if (step <= 0) return;
    const queued = await this.deps.store.queueDue({ runId, limit: step });
    this.#moreDue = queued.more;
    this.#tooManyExpiring = queued.tooManyExpiring;
    this.#queued += queued.expired + queued.stale;
    this.#queuedAhead += queued.expired + queued.stale;
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
    const { disposition, error } = settlement;
    if (disposition === "retry" && error !== undefined && this.#errors.length < MAX_ERRORS) {
      this.#errors.push({ id: deletion.id, error });
    }
    batch.reports.push(settlement);
    batch.open -= 1;
    this.#reported += 1;
    if (batch.open === 0 || batch.reports.length >= SETTLE_STEP) this.#settle(batch);
  }

  #settle(batch: Batch): void {
    const reports = batch.reports;
    batch.reports = [];
    const settled = this.deps.store.settleDeletions(batch.lease.leaseId, reports)
      .then(({ deleted, failed, released }) => {
        this.#deleted += deleted;
        this.#givenBack += released;
        // Of reports under a lost lease nothing is kept. Which they are does not matter to the count.
        const reported = reports.filter(({ disposition }) => disposition === "retry").slice(
          0,
          failed,
        );
        for (const { id } of reported) this.#failed.add(id);
      })
      .catch((error) => this.#fail(error))
      .finally(() => this.#settling.delete(settled));
    this.#settling.add(settled);
  }

  #giveBackReady(): void {
    const batches = new Set<Batch>();
    for (const claimed of this.#ready.splice(0)) {
      this.#report(claimed, { id: claimed.deletion.id, disposition: "release" });
      batches.add(claimed.batch);
    }
    for (const batch of batches) {
      if (batch.reports.length > 0) this.#settle(batch);
    }
  }

  #end(reason: StopReason): void {
    this.#stop ??= reason;
  }

  #fail(error: unknown): void {
    this.deps.log.error("sweep_run_failed", {
      runId: this.limits.runId,
      ...describeError(error),
    });
    this.#end("error");
  }
}
