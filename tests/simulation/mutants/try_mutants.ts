/** `npm run simulate -- --mutants`: takes away one mechanism after the other and counts the runs until that is noticed. @module */

import { startThread, type Variant } from "../bench.ts";
import type { Cluster } from "../cluster.ts";
import type { Options } from "../options.ts";
import { runSeedOf } from "../simulate.ts";
import { MUTANTS } from "./all.ts";
import { applyMutant } from "./apply.ts";
import type { Mutant } from "./mutant.ts";

const AT_A_TIME = 2;

interface Catch {
  mechanism: string;
  /** Null: not noticed in all the runs. */
  runs: number | "backed up" | null;
  check: string;
}

/** True when each is caught. */
export async function tryMutants(cluster: Cluster, options: Options): Promise<boolean> {
  const { only } = options;
  const wanted = MUTANTS.filter(({ mechanism }) => only === null || mechanism.includes(only));
  const databaseUrl = await cluster.clone("definitions");
  const workDir = await Deno.makeTempDir({ prefix: "acontext-mutants-" });
  const catches = new Map<Mutant, Catch>();
  try {
    const variants = await applyAll(wanted, { databaseUrl, workDir });
    const left = variants.entries();
    await Promise.all(Array.from({ length: AT_A_TIME }, async () => {
      for (const [mutant, variant] of left) {
        const caught = await tryMutant(cluster, mutant, variant, options);
        catches.set(mutant, caught);
        console.error(`${mutant.mechanism}: ${caught.runs ?? "SURVIVES"} ${caught.check}`);
      }
    }));
  } finally {
    await Deno.remove(workDir, { recursive: true });
  }
  const table = wanted.map((mutant) => catches.get(mutant)).filter((row) => row !== undefined);
  console.log("| Mechanism taken away | Runs until caught | Caught as |\n|---|---|---|");
  for (const { mechanism, runs, check } of table) {
    console.log(`| ${mechanism} | ${runs ?? "**survives**"} | ${check} |`);
  }
  const survivors = table.filter(({ runs }) => runs === null).length;
  const backedUp = table.filter(({ runs }) => runs === "backed up").length;
  const caught = table.length - survivors - backedUp;
  console.log(
    `mutants ${table.length}, caught ${caught}, backed up ${backedUp}, survived ${survivors}`,
  );
  return survivors === 0;
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
  { mechanism, backedUp }: Mutant,
  variant: Variant,
  { runs, seed, steps }: Options,
): Promise<Catch> {
  if (backedUp !== undefined) return { mechanism, runs: "backed up", check: backedUp };
  const thread = await startThread(cluster, variant);
  try {
    for (let i = 0; i < runs; i++) {
      const { violations: [violation] } = await thread.run(runSeedOf(seed, i), steps);
      if (violation !== undefined) {
        return { mechanism, runs: i + 1, check: `${violation.kind}: ${violation.check}` };
      }
    }
    return { mechanism, runs: null, check: "" };
  } finally {
    thread.close();
  }
}
