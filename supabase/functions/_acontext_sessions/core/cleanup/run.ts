/**
 * The working part of a sweep: slots, as many as the database granted, each deleting one entry at a time, fed by claims
 * and drained by settlements. Claiming and settling go on beside the work. While Acontext is slow, some slots wait.
 *
 * A run is
 *
 * - working: slots take entries;
 * - paused, because Acontext asked for it: no slot takes an entry before the pause ends, which ends by itself; or
 * - stopping, for good and for one reason: nothing new is begun, what is under way is waited for, and what was claimed
 *   and not begun is given back. When the worker is shut down, no delete is begun, not even the second of an entry.
 *
 * It works in rounds. One ends when nothing more can be claimed and all that was claimed is reported on; another
 * follows when something was given back in it.
 *
 * @module
 */
import { describeError } from "../errors.ts";
import { AdaptiveLimit } from "./adaptive_limit.ts";
import { Batches, type Claimed } from "./batches.ts";
import { CircuitBreaker } from "./circuit_breaker.ts";
import { ClaimFeed, type FeedDeps, type FeedLimits } from "./claim_feed.ts";
import { deleteRemote } from "./delete_remote.ts";
import type { RunResult, StopReason } from "./ports.ts";
import { Pulse } from "./pulse.ts";
import { type Blame, retryAfterOf, settlementOf, verdictOf } from "./settlement.ts";
import { Tally } from "./tally.ts";

export type SweepDeps = FeedDeps;

export interface RunLimits extends FeedLimits {
  /** On the run's clock: nothing new is begun after it. */
  endsAt: number;
  /** Aborted when the worker is about to be shut down. */
  signal: AbortSignal;
  /** Milliseconds that Acontext takes for a small question at rest; null when not known. */
  usualProbeMs: number | null;
}

type State =
  | { is: "working" }
  | { is: "paused"; until: number }
  | { is: "stopping"; reason: StopReason };

export class SweepRun {
  #state: State = { is: "working" };
  readonly #deps: SweepDeps;
  readonly #limits: RunLimits;
  readonly #tally = new Tally();
  readonly #feed: ClaimFeed;
  readonly #batches: Batches;
  readonly #breaker: CircuitBreaker<{ report(blame: Blame): void }>;
  readonly #atATime: AdaptiveLimit;
  readonly #pulse: Pulse;
  readonly #ended = new AbortController();
  #beating = false;

  constructor(deps: SweepDeps, limits: RunLimits) {
    this.#deps = deps;
    this.#limits = limits;
    const tally = this.#tally;
    const fail = (error: unknown) => this.#fail(error);
    const isStopping = () => this.#state.is === "stopping";
    this.#feed = new ClaimFeed(deps, { limits, run: { tally, isStopping, fail } });
    this.#batches = new Batches({ store: deps.store, tally, fail });
    this.#breaker = new CircuitBreaker({
      probe: () => deps.acontext.probe(),
      decide: (failure, blame) => failure.report(blame),
    });
    const { concurrency, usualProbeMs } = limits;
    this.#atATime = new AdaptiveLimit(concurrency);
    this.#pulse = new Pulse({
      clock: deps.clock,
      probe: () => deps.acontext.probe(),
      limit: this.#atATime,
      onSilence: () => this.#stop("outage"),
    }, usualProbeMs);
  }

  /** Never throws: whatever goes wrong ends the run with a reason, and leases end by themselves. */
  async work(): Promise<RunResult> {
    const { signal } = this.#limits;
    const shutDown = () => {
      this.#stop("shutdown");
      // The worker may be gone before what is under way ends.
      this.#giveBackUntouched();
    };
    signal.addEventListener("abort", shutDown, { once: true });
    if (signal.aborted) shutDown();
    do {
      await this.#round();
      // What was given back for a moment, because of a 429 or a short lease, is due again.
    } while (this.#stopReason() === null && this.#tally.released > 0);
    signal.removeEventListener("abort", shutDown);
    this.#ended.abort();
    const { restMs } = this.#pulse;
    return this.#tally.result({
      runId: this.#limits.runId,
      stopReason: this.#stopReason() ?? this.#feed.endReason,
      probeMs: restMs === null ? null : Math.ceil(restMs),
    });
  }

  async #round(): Promise<void> {
    this.#feed.open();
    this.#tally.beginRound();
    await Promise.all(Array.from({ length: this.#limits.concurrency }, () => this.#slot()));
    await this.#feed.settled();
    this.#giveBackUntouched();
    if (this.#stopReason() === "shutdown") this.#breaker.blameService();
    else if (await this.#breaker.finish()) this.#stop("outage");
    await this.#batches.settled();
  }

  async #slot(): Promise<void> {
    try {
      while (await this.#takeOne());
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Works on one entry. Resolves to false when there is none left in this round. */
  async #takeOne(): Promise<boolean> {
    await this.#atATime.enter();
    try {
      const next = await this.#next();
      if (next === null) return false;
      this.#feelPulse();
      await this.#handle(next);
      return true;
    } finally {
      this.#atATime.leave();
    }
  }

  /** The next entry, as soon as there is one; null when there is none left in this round. */
  async #next(): Promise<Claimed | null> {
    const { clock } = this.#deps;
    const { endsAt, signal } = this.#limits;
    while (true) {
      if (clock.now() >= endsAt) this.#stop("time_budget");
      const state = this.#state;
      if (state.is === "stopping") return null;
      const pause = state.is === "paused" ? state.until - clock.now() : 0;
      if (pause > 0) {
        await clock.sleep(pause, signal);
        continue;
      }
      const claimed = this.#feed.take();
      if (claimed !== undefined) return claimed;
      if (this.#feed.exhausted) return null;
      await this.#feed.refill();
    }
  }

  async #handle(claimed: Claimed): Promise<void> {
    const { deletion, batch } = claimed;
    const attempt = await deleteRemote(this.#deps, deletion, batch.lease.frame);
    const report = (blame: Blame) =>
      this.#batches.report(claimed, settlementOf(deletion, attempt, { blame }));
    switch (verdictOf(attempt)) {
      case "gone":
      case "failed":
        report("entry");
        this.#breaker.recordSuccess();
        break;
      case "throttled":
        this.#atATime.slower();
        this.#pause(retryAfterOf(attempt));
        report("service");
        break;
      case "late":
        report("service");
        break;
      case "unavailable":
        this.#atATime.slower();
        if (await this.#breaker.recordFailure({ report })) this.#stop("outage");
    }
  }

  /** Once there is something to delete, and until the run ends. */
  #feelPulse(): void {
    if (this.#beating) return;
    this.#beating = true;
    void this.#pulse.run(this.#ended.signal);
  }

  #giveBackUntouched(): void {
    this.#batches.giveBack(this.#feed.drain());
  }

  #pause(ms: number): void {
    if (this.#state.is === "stopping") return;
    const until = this.#deps.clock.now() + ms;
    const before = this.#state.is === "paused" ? this.#state.until : until;
    this.#state = { is: "paused", until: Math.max(before, until) };
    if (this.#state.until >= this.#limits.endsAt) this.#stop("throttled");
  }

  /** The first reason holds. */
  #stop(reason: StopReason): void {
    if (this.#state.is !== "stopping") this.#state = { is: "stopping", reason };
  }

  #stopReason(): StopReason | null {
    return this.#state.is === "stopping" ? this.#state.reason : null;
  }

  #fail(error: unknown): void {
    this.#deps.log.error("sweep_run_failed", {
      runId: this.#limits.runId,
      ...describeError(error),
    });
    this.#stop("error");
  }
}
