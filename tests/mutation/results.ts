/** What the last recorded run has shown: results.json beside this file, and why survivors are left alone: reasons.json. @module */

import { z } from "zod";
import type { Tried, Verdict } from "./mutant.ts";

const RESULTS = new URL("./results.json", import.meta.url);
const REASONS = new URL("./reasons.json", import.meta.url);

const part = z.object({
  seed: z.int(),
  /** How many mutants there were to draw from, and how many were drawn. */
  total: z.int(),
  tried: z.int(),
  /** Drawn, but no program: they do not count. */
  invalid: z.int(),
  /** How many were noticed in that run, before new tests. */
  noticedAtFirst: z.int(),
  /** How many each suite was the first to notice. */
  caughtBy: z.record(z.string(), z.int()),
  survivors: z.array(
    z.object({ key: z.string(), file: z.string(), line: z.int(), change: z.string() }),
  ),
});
const resultsSchema = z.object({ core: part.nullable(), sql: part.nullable() });

export type Part = z.infer<typeof part>;
export type Results = z.infer<typeof resultsSchema>;
/** By the key of a mutant: why its survival is no gap. */
export type Reasons = Readonly<Record<string, string>>;

export function summarize({ total, verdicts }: Tried, seed: number): Part {
  const caughtBy = countSuites(verdicts, {});
  return {
    seed,
    total,
    tried: verdicts.length,
    invalid: verdicts.filter(({ caughtBy }) => caughtBy === "invalid").length,
    noticedAtFirst: Object.values(caughtBy).reduce((sum, count) => sum + count, 0),
    caughtBy,
    survivors: verdicts.filter(({ caughtBy }) => caughtBy === null).map(({ mutant }) => ({
      key: mutant.key,
      file: mutant.file,
      line: mutant.line,
      change: mutant.key.slice(mutant.file.length + 2),
    })),
  };
}

/** What is recorded, after some of its survivors were tried once more. */
export function withTriedAgain(recorded: Part, { verdicts }: Tried): Part {
  const noticed = verdicts.filter(({ caughtBy }) => caughtBy !== null);
  const keys = new Set(noticed.map(({ mutant }) => mutant.key));
  return {
    ...recorded,
    caughtBy: countSuites(noticed, recorded.caughtBy),
    survivors: recorded.survivors.filter(({ key }) => !keys.has(key)),
  };
}

function countSuites(
  verdicts: readonly Verdict[],
  before: Readonly<Record<string, number>>,
): Record<string, number> {
  const counts = { ...before };
  for (const { caughtBy } of verdicts) {
    if (caughtBy !== null && caughtBy !== "invalid") counts[caughtBy] = (counts[caughtBy] ?? 0) + 1;
  }
  return counts;
}

/** Caught, of those that are programs; from 0 to 1. */
export function scoreOf({ tried, invalid, survivors }: Part): number {
  const valid = tried - invalid;
  return valid === 0 ? 1 : (valid - survivors.length) / valid;
}

export async function loadResults(): Promise<Results> {
  return resultsSchema.parse(JSON.parse(await Deno.readTextFile(RESULTS)));
}

export async function saveResults(results: Results): Promise<void> {
  await Deno.writeTextFile(RESULTS, `${JSON.stringify(results, null, 2)}\n`);
}

export async function loadReasons(): Promise<Reasons> {
  return z.record(z.string(), z.string()).parse(JSON.parse(await Deno.readTextFile(REASONS)));
}
