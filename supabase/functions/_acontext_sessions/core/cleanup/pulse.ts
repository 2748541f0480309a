/**
 * Feels, twice a second, how fast Acontext answers a small question, as any other client's may be, and lets a run delete
 * more or fewer at a time for it.
 *
 * Not by how long the deletes take: that depends on what they delete. For the same reason it notices first that
 * Acontext no longer answers at all, while deletes are still waited for.
 *
 * @module
 */
import type { Clock, Outcome } from "../ports.ts";
import type { AdaptiveLimit } from "./adaptive_limit.ts";

const INTERVAL_MS = 500;
/** Answers that are judged together: one alone may be slow for any reason. */
const WINDOW = 3;
/** Slower than so many times the usual, and more than noise, is too slow. */
const FACTOR = 1.5;
const NOISE_MS = 5;
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
  /** Milliseconds that the first answer took; null as long as there was none. */
  restMs: number | null = null;
  #usualMs: number | null;
  #last: number[] = [];
  #silent = 0;
  readonly #deps: PulseDeps;

  /** @param usualMs As earlier runs have seen it at rest; null when not known. */
  constructor(deps: PulseDeps, usualMs: number | null) {
    this.#deps = deps;
    this.#usualMs = usualMs;
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
    if (this.restMs === null) {
      this.restMs = Math.round(ms);
      this.#usualMs = Math.min(ms, this.#usualMs ?? ms);
      return;
    }
    this.#last = [...this.#last, ms].slice(-WINDOW);
    const typical = this.#last.toSorted((a, b) => a - b)[this.#last.length >> 1] ?? ms;
    if (typical > FACTOR * (this.#usualMs ?? ms) + NOISE_MS) limit.slower();
    else limit.faster();
  }

  /** Milliseconds; null when there was no proper answer. */
  async #ask(): Promise<number | null> {
    const from = this.#deps.clock.now();
    const { kind } = await this.#deps.probe();
    return kind === "done" ? this.#deps.clock.now() - from : null;
  }
}
