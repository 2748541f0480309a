/**
 * Feels, four times a second, how fast Acontext answers a small question, as any other client's may be, and lets a run delete
 * more or fewer at a time for it.
 *
 * Not by how long the deletes take: that depends on what they delete. For the same reason it notices first that
 * Acontext no longer answers at all, while deletes are still waited for.
 *
 * @module
 */
import type { Clock, Outcome } from "../ports.ts";
import type { AdaptiveLimit } from "./adaptive_limit.ts";

const INTERVAL_MS = 250;
/** Answers that are judged together, by the slowest: the tail is what other clients notice. */
const WINDOW = 6;
/** Slower than so many times the usual, and more than noise, is too slow. */
const FACTOR = 2;
const NOISE_MS = 2;
/** Beats without an answer, one after the other, after which nothing new is begun. */
const SILENT_BEATS = 2;

export interface PulseDeps {
  clock: Clock;
  probe: () => Promise<Outcome<null>>;
  limit: AdaptiveLimit;
  /** Called once it has been silent for too long. */
  onSilence: () => void;
}

export class Pulse {
  /** Milliseconds that the fastest answer took: as at rest. Null as long as there was none. */
  restMs: number | null = null;
  readonly #usualMs: number;
  #last: number[] = [];
  #silent = 0;
  readonly #deps: PulseDeps;

  /** @param usualMs As earlier runs have seen it at rest; null when not known. */
  constructor(deps: PulseDeps, usualMs: number | null) {
    this.#deps = deps;
    this.#usualMs = usualMs ?? Infinity;
  }

  /** Goes on until `signal` is aborted. Begin it before anything is under way. Never throws. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps;
    while (!signal.aborted) {
      this.#judge(await this.#ask());
      await clock.sleep(INTERVAL_MS, signal);
    }
  }

  #judge(ms: number | null): void {
    const { limit, onSilence } = this.#deps;
    if (ms === null) {
      limit.slower();
      this.#silent += 1;
      if (this.#silent === SILENT_BEATS) onSilence();
      return;
    }
    this.#silent = 0;
    this.restMs = Math.min(ms, this.restMs ?? ms);
    this.#last = [...this.#last, ms].slice(-WINDOW);
    const slow = Math.max(...this.#last);
    const usual = Math.min(this.restMs, this.#usualMs);
    if (slow <= FACTOR * usual + NOISE_MS) return limit.faster();
    // What was felt at the old speed says nothing about the new one.
    this.#last = [];
    limit.slower();
  }

  /** Milliseconds; null when there was no proper answer. */
  async #ask(): Promise<number | null> {
    const from = this.#deps.clock.now();
    const { kind } = await this.#deps.probe();
    return kind === "done" ? this.#deps.clock.now() - from : null;
  }
}
