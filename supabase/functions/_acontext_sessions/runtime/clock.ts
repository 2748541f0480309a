/**
 * The real clock and the real source of ids.
 *
 * @module
 */
import type { Clock, Randomness } from "../core/ports.ts";

/** Monotonic milliseconds. `sleep` ends early, without an error, when its signal is aborted. */
export const systemClock: Clock = {
  now() {
    return performance.now();
  },
  sleep(ms, signal) {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const timer = setTimeout(end, ms);
      signal?.addEventListener("abort", end);
      function end() {
        clearTimeout(timer);
        signal?.removeEventListener("abort", end);
        resolve();
      }
    });
  },
};

export const systemRandomness: Randomness = {
  uuid() {
    return crypto.randomUUID();
  },
};
