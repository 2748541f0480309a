/**
 * Feels, four times a second, how fast Acontext answers a small question, as any other client's may be, and lets a run delete
 * more or fewer at a time for it.
 *
 * Not by how long the deletes take: that depends on what they delete. For the same reason it notices first that
 * Acontext no longer answers at all, while deletes are still waited for. Any answer, even an error, is none of its
 * business: that concerns the deletes, too, and they tell.
 *
 * @module
 */
import type { Clock, Outcome } from "../ports.ts";
import type { AdaptiveLimit } from "./adaptive_limit.ts";

const INTERVAL_MS = 250;
/** Answers that are judged together, by the slowest: the tail is what other clients notice. */
const WINDOW = 6;
/** Slower than so many times the usual, and more than noise, is too slow. */
const FACTOR = 1.5;
const NOISE_MS = 2;
/** Beats that nothing answered in time, one after the other, after which nothing new is begun. */
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

  /** Goes on until `signal` is aborted. Begin it with the first delete: rest is what comes before. Never throws. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, probe } = this.#deps;
    while (!signal.aborted) {
      const from = clock.now();
      const answer = await probe();
      if (answer.kind === "done") this.#judge(clock.now() - from);
      else this.#worry(answer);
      const pause = answer.kind === "throttled" ? answer.retryAfterMs : 0;
      await clock.sleep(Math.max(INTERVAL_MS, pause), signal);
    }
  }

  #worry(answer: Exclude<Outcome<null>, { kind: "done" }>): void {
    this.#deps.limit.slower();
    const isSilence = answer.kind === "unknown" && answer.detail === "timeout";
    this.#silent = isSilence ? this.#silent + 1 : 0;
    if (this.#silent === SILENT_BEATS) this.#deps.onSilence();
  }

  #judge(ms: number): void {
    const { limit } = this.#deps;
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
}
