/** Waiting for something to become true. @module */

import { delay } from "@std/async/delay.js";

type Probed<T> = T | null | undefined | false;

/**
 * Asks `probe` until it answers something other than null, undefined or false, and answers that.
 *
 * @throws {Error} naming `what` when that has not happened within `deadlineMs`.
 */
export async function eventually<T>(
  what: string,
  probe: () => Probed<T> | Promise<Probed<T>>,
  deadlineMs = 10_000,
): Promise<T> {
  const giveUpAt = performance.now() + deadlineMs;
  for (let pause = 10;; pause = Math.min(pause * 1.5, 250)) {
    const found = await probe();
    if (found !== null && found !== undefined && found !== false) return found;
    if (performance.now() > giveUpAt) {
      throw new Error(`Waited ${deadlineMs} ms in vain: ${what}`);
    }
    await delay(pause);
  }
}
