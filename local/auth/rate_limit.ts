/**
 * How often something may happen for each address: as many times an hour at once, and then as they come back.
 *
 * @module
 */

const HOUR_MS = 60 * 60 * 1_000;

/** Counts for each address on its own. */
export interface RateLimit {
  /** True, and counted, when it may happen. */
  take(address: string): boolean;
}

/** `perHour` may be infinite. `now` in milliseconds. */
export function createRateLimit(
  perHour: number,
  now: () => number = () => performance.now(),
): RateLimit {
  const buckets = new Map<string, { left: number; at: number }>();
  return {
    take(address) {
      if (perHour === Infinity) return true;
      const at = now();
      const bucket = buckets.get(address) ?? { left: perHour, at };
      const left = Math.min(perHour, bucket.left + (at - bucket.at) * perHour / HOUR_MS);
      const allowed = left >= 1;
      buckets.set(address, { left: allowed ? left - 1 : left, at });
      return allowed;
    },
  };
}
