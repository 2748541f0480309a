/**
 * Feeds a run: moves what is due into the queue and claims from it, always a claim ahead of the work, so that no slot
 * waits for the database while there is something to delete.
 *
 * A feed is
 *
 * - open: there may be more to claim; or
 * - exhausted: nothing more can be claimed for now. What was claimed is still handed out.
 *
 * It is opened again for each round of the run, because what was given back in one may be claimed in the next.
 *
 * @module
 */
import { describeError } from "../errors.ts";
import type { Clock, Log, Randomness } from "../ports.ts";
import type { RemoteResources } from "../resources.ts";
import {
  type DeleteLimits,
  deletionLease,
  messagesWithin,
  mostMessages,
  type WorkerLife,
} from "./delete_limits.ts";
import type { Batch, Claimed } from "./batches.ts";
import type { CleanupStore, StopReason } from "./ports.ts";
import type { Tally } from "./tally.ts";

/** Sessions that one claim takes at most. */
const MAX_CLAIM = 1_000;
/** What one claim takes: the work of this many seconds, at the speed seen so far. */
const CLAIM_SECONDS = 1;

export interface FeedDeps {
  log: Log;
  store: CleanupStore;
  acontext: RemoteResources;
  clock: Clock;
  random: Randomness;
  deletes: DeleteLimits;
}

export interface FeedLimits {
  runId: string;
  /** Sessions at most. */
  limit: number;
  /** Deletes under way at a time. */
  concurrency: number;
  worker: WorkerLife;
  /** Milliseconds that a message adds to a delete; null when not known. */
  msPerMessage: number | null;
}

/** What the feed sees of the run. */
interface FeedRun {
  tally: Tally;
  isStopping: () => boolean;
  fail: (error: unknown) => void;
}

export class ClaimFeed {
  #state: "open" | "exhausted" = "open";
  #ready: Claimed[] = [];
  #claiming: Promise<void> | null = null;
  #queueing: Promise<void> | null = null;
  /** More may be due than is in the queue. */
  #moreDue = true;
  /** Moved into the queue by this run. */
  #queued = 0;
  /** Of these, not claimed since. */
  #queuedAhead = 0;
  #limited = false;
  #tooManyExpiring = false;
  #firstClaimAt: number | null = null;
  readonly #deps: FeedDeps;
  readonly #limits: FeedLimits;
  readonly #run: FeedRun;

  constructor(deps: FeedDeps, { limits, run }: { limits: FeedLimits; run: FeedRun }) {
    this.#deps = deps;
    this.#limits = limits;
    this.#run = run;
  }

  get exhausted(): boolean {
    return this.#state === "exhausted";
  }

  /** Why a run ends that nothing stopped. */
  get endReason(): StopReason {
    if (this.#limited) return "limit";
    if (this.#run.tally.incomplete) return "queueing_failed";
    return this.#tooManyExpiring ? "too_many_expiring" : "empty";
  }

  open(): void {
    this.#state = "open";
  }

  /** The next entry to work on, if there is one. Claims more beside the work when less than a claim is left. */
  take(): Claimed | undefined {
    const claimed = this.#ready.pop();
    if (claimed !== undefined && this.#ready.length < this.#claimSize()) void this.refill();
    return claimed;
  }

  /** Takes out everything that was claimed and not handed out. */
  drain(): Claimed[] {
    return this.#ready.splice(0);
  }

  /** Claims more, once at a time. */
  refill(): Promise<void> {
    if (this.exhausted || this.#run.isStopping()) return Promise.resolve();
    this.#claiming ??= this.#claim()
      .catch(this.#run.fail)
      .finally(() => this.#claiming = null);
    return this.#claiming;
  }

  /** Resolves when nothing is under way: a claim that began before the run stopped has leased something, too. */
  async settled(): Promise<void> {
    await this.#claiming;
    await this.#queueing;
  }

  async #claim(): Promise<void> {
    const { store, clock } = this.#deps;
    const { tally } = this.#run;
    const left = this.#limits.limit - tally.claimed;
    if (left <= 0) {
      this.#limited = true;
      this.#state = "exhausted";
      return;
    }
    const wanted = Math.min(left, this.#claimSize());
    if (this.#queuedAhead < wanted) await this.#queueMore();
    if (this.#run.isStopping()) return;
    const ahead = this.#queuedAhead;
    const { worker, msPerMessage } = this.#limits;
    const lease = deletionLease(this.#deps, { worker, msPerMessage });
    // What is claimed and does not fit is due again at once, for the next claim to take.
    const maxMessages = Math.min(
      mostMessages(msPerMessage),
      messagesWithin(worker.endsAt - clock.now(), msPerMessage),
    );
    const deletions = await store.claimDeletions({ limit: wanted, maxMessages }, lease);
    // A claim that came back short has met all that was due before it.
    this.#queuedAhead -= deletions.length < wanted ? ahead : Math.min(ahead, deletions.length);
    if (deletions.length > 0) this.#firstClaimAt ??= clock.now();
    else this.#state = this.#moreDue || this.#queuedAhead > 0 ? "open" : "exhausted";
    for (const { id } of deletions) tally.claim(id);
    const batch: Batch = { lease, open: deletions.length, reports: [] };
    // Taken from the end, and an older batch's lease ends sooner.
    this.#ready.unshift(...deletions.reverse().map((deletion) => ({ deletion, batch })));
    // For the next claim, beside the work.
    if (this.#queuedAhead < 2 * wanted) void this.#queueMore();
  }

  #queueMore(): Promise<void> {
    if (!this.#moreDue || this.#run.isStopping()) return Promise.resolve();
    this.#queueing ??= this.#queueStep()
      .catch((error) => this.#failToQueue(error))
      .finally(() => this.#queueing = null);
    return this.#queueing;
  }

  async #queueStep(): Promise<void> {
    const { runId, limit } = this.#limits;
    // No more than the run may take up, so that the rest can still be used again. What has a grace period is queued
    // and not claimed.
    if (this.#queued >= limit) {
      this.#limited = true;
      this.#moreDue = false;
      return;
    }
    const ahead = Math.max(this.#queued, this.#run.tally.claimed + this.#queuedAhead);
    const step = Math.min(2 * this.#claimSize(), limit - ahead);
    if (step <= 0) return;
    const queued = await this.#deps.store.queueDue({ runId, limit: step });
    for (const problem of queued.problems) this.#run.tally.problem(problem);
    this.#moreDue = queued.more;
    this.#tooManyExpiring = queued.tooManyExpiring;
    const moved = queued.expired + queued.stale + queued.erased;
    this.#queued += moved;
    this.#queuedAhead += moved;
  }

  /** What is in the queue is worked on all the same; the rest is left to the next run. */
  #failToQueue(error: unknown): void {
    this.#deps.log.error("queueing_failed", {
      runId: this.#limits.runId,
      ...describeError(error),
    });
    this.#run.tally.problem("queueing_failed");
    this.#moreDue = false;
  }

  /** Enough that no slot waits for the database, and little enough to be worked on long before the lease ends. */
  #claimSize(): number {
    const least = 4 * this.#limits.concurrency;
    return Math.round(Math.min(Math.max(this.#speed() * CLAIM_SECONDS, least), MAX_CLAIM));
  }

  /** Sessions a second; zero as long as too few were worked on to tell. */
  #speed(): number {
    const { reported } = this.#run.tally;
    if (this.#firstClaimAt === null || reported < this.#limits.concurrency) return 0;
    return 1000 * reported / Math.max(this.#deps.clock.now() - this.#firstClaimAt, 1);
  }
}
