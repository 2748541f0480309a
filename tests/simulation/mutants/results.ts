/** What the last full runs of `--mutants` have shown: results.json beside this file. @module */

import { z } from "zod";

const FILE = new URL("./results.json", import.meta.url);

const resultsSchema = z.object({
  /** How many runs a mutant was given at most, by seed. */
  mostRuns: z.record(z.string(), z.int()),
  /** By the mechanism that was taken away. */
  mutants: z.record(
    z.string(),
    z.object({
      /** `<kind of violation>: <check>`, with the lowest seed; empty when none noticed. */
      caughtBy: z.string(),
      /** Runs until it was noticed, by seed; null when it was not. */
      runs: z.record(z.string(), z.int().nullable()),
    }),
  ),
});

export type Results = z.infer<typeof resultsSchema>;

/** One mutant in one run of `--mutants`. */
export interface Catch {
  mechanism: string;
  /** Null: not noticed in all the runs. */
  runs: number | null;
  caughtBy: string;
}

export async function loadResults(): Promise<Results> {
  return resultsSchema.parse(JSON.parse(await Deno.readTextFile(FILE)));
}

export async function saveResults(results: Results): Promise<void> {
  await Deno.writeTextFile(FILE, `${JSON.stringify(results, null, 2)}\n`);
}

/** The results with one seed replaced. Mechanisms that `catches` does not have are gone, and leave the results. */
export function withSeed(
  results: Results,
  { seed, mostRuns, catches }: { seed: number; mostRuns: number; catches: Catch[] },
): Results {
  const entries = catches.map(({ mechanism, runs, caughtBy }) => {
    const before = results.mutants[mechanism];
    const known = Object.keys(before?.runs ?? {}).map(Number);
    return [mechanism, {
      caughtBy: before === undefined || known.every((other) => other >= seed)
        ? caughtBy
        : before.caughtBy,
      runs: { ...before?.runs, [seed]: runs },
    }];
  });
  return {
    mostRuns: { ...results.mostRuns, [seed]: mostRuns },
    mutants: Object.fromEntries(entries),
  };
}
