/**
 * Feels, from time to time, how fast Acontext answers a small question, as any other client's may be, and lets a run
 * delete more or fewer at a time for it.
 *
 * Not by how long the deletes take: that depends on what they delete.
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

export interface PulseDeps {
  clock: Clock;
  probe: () => Promise<Outcome<null>>;
}

export class Pulse {
  #usualMs: number | null;
  #beatAt: number;
  #beating: Promise<void> | null = null;
  #last: number[] = [];
  /** What the first answer took, before this run had deletes under way. */
  restMs: number | null = null;
  readonly #deps: PulseDeps;
  readonly #limit: AdaptiveLimit;

  /** @param options.usualMs By earlier runs, at rest. */
  constructor(
    deps: PulseDeps,
    { limit, usualMs }: { limit: AdaptiveLimit; usualMs: number | null },
  ) {
    this.#deps = deps;
    this.#limit = limit;
    this.#usualMs = usualMs;
    this.#beatAt = deps.clock.now();
  }

  /** The first beat, at rest. Never throws. */
  async start(): Promise<void> {
    const ms = await this.#ask();
    if (ms === null) return;
    this.restMs = Math.round(ms);
    this.#usualMs = Math.min(ms, this.#usualMs ?? ms);
  }

  /** To be called often; asks no more than every half second, and once at a time. */
  beat(): void {
    const { clock } = this.#deps;
    if (this.#beating !== null || clock.now() < this.#beatAt + INTERVAL_MS) return;
    this.#beatAt = clock.now();
    this.#beating = this.#feel().finally(() => this.#beating = null);
  }

  /** Resolves when no question is under way. */
  async settled(): Promise<void> {
    await this.#beating;
  }

  async #feel(): Promise<void> {
    const ms = await this.#ask();
    if (ms === null) return this.#limit.slower();
    this.#usualMs ??= ms;
    this.#last = [...this.#last, ms].slice(-WINDOW);
    const typical = this.#last.toSorted((a, b) => a - b)[this.#last.length >> 1] ?? ms;
    if (typical > FACTOR * this.#usualMs + NOISE_MS) this.#limit.slower();
    else this.#limit.faster();
  }

  /** Milliseconds; null when there was no proper answer. */
  async #ask(): Promise<number | null> {
    const from = this.#deps.clock.now();
    const { kind } = await this.#deps.probe();
    return kind === "done" ? this.#deps.clock.now() - from : null;
  }
}
