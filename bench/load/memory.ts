/** How much memory processes hold over time. @module */

import { residentBytes } from "../cpu_time.ts";

/** Megabytes, sample by sample, by the name of the function. */
export type Memory = Record<string, number[]>;

/** Takes samples until the function that it returns is called. */
export function watchMemory(
  pidsOf: Record<string, () => number[]>,
  everyMs: number,
): () => Memory {
  const memory: Memory = Object.fromEntries(Object.keys(pidsOf).map((name) => [name, []]));
  function sample() {
    for (const [name, pids] of Object.entries(pidsOf)) {
      const bytes = pids().reduce((sum, pid) => sum + residentBytes(pid), 0);
      memory[name]?.push(Math.round(bytes / 1e5) / 10);
    }
  }
  sample();
  const timer = setInterval(() => {
    try {
      sample();
    } catch {
      // A process has just ended. Thrown here, this would end ours and leave all others behind.
    }
  }, everyMs);
  return () => {
    clearInterval(timer);
    sample();
    return memory;
  };
}
