/**
 * A circuit breaker around the deletes of one run: tells a service that is down from entries that cannot be deleted.
 *
 * A failure that may be the service's fault is held back, with no verdict yet on who is to blame.
 *
 * - closed: deletes go on. The next success shows that the service is well, so what was held back failed on its own.
 * - half open: after ten such failures in a row one probe asks the service for something it cannot answer without its
 *   database. Deletes go on meanwhile, and one that succeeds closes the circuit whatever the probe says: a handful of
 *   undeletable entries is never taken for an outage.
 * - open: the probe failed, too. The service is to blame for all that was held back and for what fails from now on, and
 *   the run ends. An open circuit stays open; the next run begins with a closed one.
 *
 * Not the limit on mass expiry: that is acontext_sessions.expiry_allowed.
 *
 * @module
 */
import type { Outcome } from "../ports.ts";
import type { Blame } from "./settlement.ts";

/** Failures in a row that are worth a probe. */
const FAILURE_THRESHOLD = 10;

export class CircuitBreaker<Failure> {
  #state: "closed" | "half_open" | "open" = "closed";
  #held: Failure[] = [];
  #inARow = 0;
  #probing: Promise<boolean> | null = null;
  readonly #probe: () => Promise<Outcome<null>>;
  readonly #decide: (failure: Failure, blame: Blame) => void;

  /** @param options.decide Called once for each failure that was held back. */
  constructor(
    { probe, decide }: {
      probe: () => Promise<Outcome<null>>;
      decide: (failure: Failure, blame: Blame) => void;
    },
  ) {
    this.#probe = probe;
    this.#decide = decide;
  }

  /** The service answered a delete properly. */
  recordSuccess(): void {
    if (this.#state !== "open") this.#state = "closed";
    this.#inARow = 0;
    this.#blame("entry");
  }

  /** Holds a failure back. Resolves to whether the circuit is open. */
  async recordFailure(failure: Failure): Promise<boolean> {
    this.#held.push(failure);
    this.#inARow += 1;
    if (this.#state === "open") {
      this.blameService();
      return true;
    }
    if (this.#inARow < FAILURE_THRESHOLD) return false;
    this.#probing ??= this.#probeService().finally(() => this.#probing = null);
    return await this.#probing;
  }

  /** No more deletes come: decides about what is still held back. Resolves to whether the circuit is open. */
  async finish(): Promise<boolean> {
    return this.#held.length > 0 && await this.#probeService();
  }

  /** Blames the service for what is held back, without asking it. */
  blameService(): void {
    this.#blame("service");
  }

  async #probeService(): Promise<boolean> {
    this.#state = "half_open";
    const probed = await this.#probe();
    const down = probed.kind !== "done" && this.#state === "half_open";
    if (!down) {
      this.recordSuccess();
      return false;
    }
    this.#state = "open";
    this.blameService();
    return true;
  }

  #blame(blame: Blame): void {
    for (const failure of this.#held.splice(0)) this.#decide(failure, blame);
  }
}
