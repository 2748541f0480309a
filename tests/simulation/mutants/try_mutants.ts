/** `npm run simulate -- --mutants`: takes away one mechanism after the other and counts the runs until that is noticed. @module */

import { startThread, type Variant } from "../bench.ts";
import type { Cluster } from "../cluster.ts";
import type { Options } from "../options.ts";
import { DEFAULT_COMMANDS } from "../search.ts";
import { runSeedOf } from "../simulate.ts";
import { GROUPS, MUTANTS } from "./all.ts";
import { applyMutant } from "./apply.ts";
import type { Mutant } from "./mutant.ts";
import { mutantsPage, PAGE } from "./page.ts";
import { type Catch, loadResults, saveResults, withSeed } from "./results.ts";

const AT_A_TIME = 2;

/** True when each is caught. A run of all of them is recorded, and the page written. */
export async function tryMutants(cluster: Cluster, options: Options): Promise<boolean> {
  const { only, steps } = options;
  const wanted = MUTANTS.filter(({ mechanism }) => only === null || mechanism.includes(only));
  const tried = wanted.filter(({ backedUp }) => backedUp === undefined);
  const databaseUrl = await cluster.clone("definitions");
  const workDir = await Deno.makeTempDir({ prefix: "acontext-mutants-" });
  const caught = new Map<Mutant, Catch>();
  try {
    const variants = await applyAll(wanted, { databaseUrl, workDir });
    const left = tried.values();
    await Promise.all(Array.from({ length: AT_A_TIME }, async () => {
      for (const mutant of left) {
        const variant = variants.get(mutant);
        if (variant === undefined) continue;
        const found = await tryMutant(cluster, mutant, variant, options);
        caught.set(mutant, found);
        console.log(`${found.mechanism}: ${found.runs ?? "SURVIVES"} ${found.caughtBy}`);
      }
    }));
  } finally {
    await Deno.remove(workDir, { recursive: true });
  }
  const catches = tried.map((mutant) => caught.get(mutant)).filter((row) => row !== undefined);
  if (only === null && steps === DEFAULT_COMMANDS) await record(catches, options);
  const survivors = catches.filter(({ runs }) => runs === null).length;
  console.log(
    `mutants ${wanted.length}, caught ${catches.length - survivors}, ` +
      `backed up ${wanted.length - tried.length}, survived ${survivors}`,
  );
  return survivors === 0;
}

async function record(catches: Catch[], { seed, runs }: Options): Promise<void> {
  const results = withSeed(await loadResults(), { seed, mostRuns: runs, catches });
  await saveResults(results);
  await Deno.writeTextFile(PAGE, await mutantsPage(GROUPS, results));
}

/** @throws {Error} naming every mutant whose text is not there any more. */
export async function applyAll(
  mutants: Mutant[],
  where: { databaseUrl: string; workDir: string },
): Promise<Map<Mutant, Variant>> {
  const variants = new Map<Mutant, Variant>();
  const rotten: string[] = [];
  for (const mutant of mutants) {
    try {
      variants.set(mutant, await applyMutant(mutant, where));
    } catch (error) {
      rotten.push(`${mutant.mechanism}: ${error instanceof Error ? error.message : error}`);
    }
  }
  if (rotten.length > 0) throw new Error(`Cannot apply these mutants:\n${rotten.join("\n")}`);
  return variants;
}

async function tryMutant(
  cluster: Cluster,
  { mechanism }: Mutant,
  variant: Variant,
  { runs, seed, steps }: Options,
): Promise<Catch> {
  const thread = await startThread(cluster, variant);
  try {
    for (let i = 0; i < runs; i++) {
      const { violations: [violation] } = await thread.run(runSeedOf(seed, i), steps);
      if (violation !== undefined) {
        return { mechanism, runs: i + 1, caughtBy: `${violation.kind}: ${violation.check}` };
      }
    }
    return { mechanism, runs: null, caughtBy: "" };
  } finally {
    thread.close();
  }
}
