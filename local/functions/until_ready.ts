/**
 * When the functions of a stack are ready for requests.
 *
 * @module
 */

import type { FunctionPool } from "./worker.ts";

/** Returns when every process of every function has answered a request. Throws what keeps any of them from it. */
export async function untilAllAnswer(pools: FunctionPool[]): Promise<void> {
  const results = await Promise.allSettled(pools.map(async (pool) => {
    await pool.booted;
    await pool.ask();
  }));
  const problems = results.flatMap((result) => result.status === "rejected" ? [result.reason] : []);
  if (problems.length > 0) {
    throw new Error(problems.map((problem) => problem?.message ?? String(problem)).join("\n\n"));
  }
}
