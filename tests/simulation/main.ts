/**
 * `npm run simulate`: runs the whole system, with everything that can go wrong, many times; see README.md beside this file.
 *
 * @module
 */

import { type BenchThread, ORIGINAL, startThread } from "./bench.ts";
import { type Cluster, startCluster } from "./cluster.ts";
import { tryMutants } from "./mutants/try_mutants.ts";
import { type Options, readOptions, USAGE } from "./options.ts";
import { runSeedOf, simulate, summaryOf } from "./simulate.ts";
import { storyOf } from "./story.ts";

const THREADS = 2;
const SHRINK_MS = 60_000;

async function main(options: Options): Promise<boolean> {
  const cluster = await startCluster();
  const stop = stopOnSignal(cluster);
  try {
    if (options.mutants) return await tryMutants(cluster, options);
    if (options.replay !== null) return await replay(cluster, options.replay, options);
    return await run(cluster, options);
  } finally {
    await stop();
  }
}

async function run(cluster: Cluster, options: Options): Promise<boolean> {
  const threads = await Promise.all(
    Array.from({ length: THREADS }, () => startThread(cluster, ORIGINAL)),
  );
  const seeds = Array.from({ length: options.runs }, (_, i) => runSeedOf(options.seed, i));
  const started = performance.now();
  const total = await simulate(threads, seeds, options.steps, (done) => {
    if (done % 200 === 0) {
      console.log(`${done} runs, ${Math.round((performance.now() - started) / 1000)} s`);
    }
  });
  const [thread] = threads;
  const kinds = new Set<string>();
  for (const { seed, violations: [violation] } of total.failures) {
    if (violation === undefined || thread === undefined) continue;
    console.log(`\nrun seed ${seed}: ${violation.kind}: ${violation.detail}`);
    const kind = `${violation.kind} ${violation.check}`;
    if (kinds.has(kind) || kinds.size >= 3) continue;
    kinds.add(kind);
    await tell(thread, seed, options.steps);
  }
  for (const other of threads) other.close();
  console.log(summaryOf(total));
  return total.failures.length === 0;
}

async function replay(cluster: Cluster, seed: number, { steps }: Options): Promise<boolean> {
  const thread = await startThread(cluster, ORIGINAL);
  const failed = await tell(thread, seed, steps);
  if (!failed) console.log(`Run seed ${seed} is clean`);
  thread.close();
  return !failed;
}

/** Prints the shortest story that fails like this seed; false when it does not fail. */
async function tell(thread: BenchThread, seed: number, most: number): Promise<boolean> {
  const failure = await thread.shrink(seed, most, SHRINK_MS);
  if (failure === null) return false;
  console.log(storyOf(seed, failure));
  return true;
}

/** Ends the database whichever way the simulation ends. */
function stopOnSignal(cluster: Cluster): () => Promise<void> {
  let stopped: Promise<void> | null = null;
  const stop = () => stopped ??= cluster.stop();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => void stop().then(() => Deno.exit(130)));
  }
  return stop;
}

if (import.meta.main) {
  try {
    Deno.exit(await main(readOptions(Deno.args)) ? 0 : 1);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    console.error(`${error.message}\n${USAGE}`);
    Deno.exit(1);
  }
}
