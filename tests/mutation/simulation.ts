/** The simulation as a suite for mutants: the same few runs on each. @module */

import { ORIGINAL, startThread, type Variant } from "../simulation/bench.ts";
import { startCluster } from "../simulation/cluster.ts";
import { DEFAULT_COMMANDS } from "../simulation/search.ts";
import { runSeedOf } from "../simulation/simulate.ts";
import { OutOfTime } from "./command.ts";
import { cleanedUp } from "../support/cleaned_up.ts";

const RUNS = 40;
/** Virtual time stands still in a loop that waits for nothing. */
const LIMIT_MS = 600_000;

/**
 * Whether the simulation finds anything wrong in a variant of the product.
 *
 * @throws {OutOfTime}
 */
export type Notices = (variant: Variant) => Promise<boolean>;

/** @throws {Error} when the simulation fails without a mutant. */
export async function withSimulation<T>(use: (notices: Notices) => Promise<T>): Promise<T> {
  const cluster = await startCluster();

  async function notices(variant: Variant): Promise<boolean> {
    const thread = await startThread(cluster, variant);
    try {
      const limit = AbortSignal.timeout(LIMIT_MS);
      for (let i = 0; i < RUNS; i++) {
        const { violations } = await until(limit, thread.run(runSeedOf(1, i), DEFAULT_COMMANDS));
        if (violations.length > 0) return true;
      }
      return false;
    } catch (error) {
      if (error instanceof OutOfTime) throw error;
      // It broke where the simulation expects that nothing can.
      return true;
    } finally {
      thread.close();
    }
  }

  return await cleanedUp(async () => {
    if (await notices(ORIGINAL)) throw new Error("Cannot judge mutants: the simulation fails");
    return await use(notices);
  }, () => cluster.stop());
}

function until<T>(limit: AbortSignal, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const stop = () => reject(new OutOfTime("Cannot wait for the simulation any longer"));
  limit.addEventListener("abort", stop, { once: true });
  return Promise.race([work, promise]).finally(() => limit.removeEventListener("abort", stop));
}
