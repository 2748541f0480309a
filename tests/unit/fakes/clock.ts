import { setImmediate } from "node:timers";
import type { Clock } from "../../../supabase/functions/_acontext_sessions/core/ports.ts";

interface Timer {
  at: number;
  order: number;
  fire(): void;
}

/** Time that moves only when everything waits for it, so a test takes no time and always runs the same way. */
export class FakeClock implements Clock {
  #now = 0;
  #order = 0;
  #timers: Timer[] = [];

  now(): number {
    return this.#now;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const timer = { at: this.#now + Math.max(0, ms), order: this.#order++, fire };
      const cancel = () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
        resolve();
      };
      function fire() {
        signal?.removeEventListener("abort", cancel);
        resolve();
      }
      this.#timers.push(timer);
      signal?.addEventListener("abort", cancel, { once: true });
    });
  }

  /** Calls `act` at this moment; nothing waits for it. */
  at(moment: number, act: () => void): void {
    this.#timers.push({ at: moment, order: this.#order++, fire: act });
  }

  /** Lets time pass until `work` has ended. */
  async run<Value>(work: Promise<Value>): Promise<Value> {
    let ended = false;
    const end = () => {
      ended = true;
    };
    work.then(end, end);
    await quiet();
    while (!ended) {
      if (this.#timers.length === 0) throw new Error("Cannot go on: everything waits for nothing");
      this.#fireNext();
      await quiet();
    }
    return await work;
  }

  /** Lets this much time pass, with whatever happens in it. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await quiet();
    while (this.#timers.some(({ at }) => at <= end)) {
      this.#fireNext();
      await quiet();
    }
    this.#now = end;
  }

  /** Everything that is due at the next moment, in the order in which it was asked for. */
  #fireNext(): void {
    const next = Math.min(...this.#timers.map(({ at }) => at));
    const due = this.#timers.filter(({ at }) => at === next).sort((a, b) => a.order - b.order);
    this.#timers = this.#timers.filter(({ at }) => at !== next);
    this.#now = Math.max(this.#now, next);
    for (const timer of due) timer.fire();
  }
}

/** Ends when nothing is left to do without time passing. */
function quiet(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
