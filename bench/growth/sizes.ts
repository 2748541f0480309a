/** How much is measured. @module */

import type { Scale } from "../benchmark.ts";

export interface Sizes {
  /** Sessions in each database, ascending. */
  sessions: number[];
  /** Samples of each statement at each size. */
  samples: number;
  /** Sessions that are touched, for HOT updates and WAL. */
  touched: number;
  /** Batches that are expired, claimed and settled for rows per second, for each number of workers. */
  batches: number;
  workers: number[];
  /** As `shared_buffers` takes it: everything that is measured fits. */
  sharedBuffers: string;
}

/** The largest size that the goals speak of; one more can be measured. */
export const GOAL_SESSIONS = 1_000_000;
/** Sessions that one claim, settlement or step takes: the smallest database has more than that to do, too. */
export const BATCH = 64;
/** Of the one user with a long list, at every size. */
export const HEAVY_USER_SESSIONS = 3_000;
/** Of all other users, on average. */
export const SESSIONS_PER_USER = 50;

const LARGER = "BENCH_GROWTH_LARGER";

/** `BENCH_GROWTH_LARGER=5000000` adds a database: about 4 GB and some minutes for each million. */
export function sizesOf(scale: Scale): Sizes {
  if (scale === "quick") {
    return {
      sessions: [10_000, 20_000],
      samples: 6,
      touched: 50,
      batches: 2,
      workers: [1],
      sharedBuffers: "256MB",
    };
  }
  const larger = Deno.env.get(LARGER);
  const sizes: Sizes = {
    sessions: [10_000, 100_000, GOAL_SESSIONS],
    samples: 400,
    touched: 2_000,
    batches: 40,
    workers: [1, 4],
    sharedBuffers: "3GB",
  };
  if (larger === undefined) return sizes;
  const sessions = Number(larger);
  if (!Number.isInteger(sessions) || sessions <= GOAL_SESSIONS) {
    throw new RangeError(`Cannot measure: ${LARGER} must be a whole number above ${GOAL_SESSIONS}`);
  }
  return { ...sizes, sessions: [...sizes.sessions, sessions], sharedBuffers: "8GB" };
}
