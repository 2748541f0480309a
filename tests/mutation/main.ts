/**
 * `npm run mutate`: changes the product in small ways and looks whether a suite notices; see docs/mutation-testing.md.
 *
 * @module
 */

import { tryCore } from "./core/try_core.ts";
import type { Verdict } from "./mutant.ts";
import { type Options, readOptions, USAGE } from "./options.ts";
import { mutationPage, PAGE } from "./page.ts";
import {
  loadReasons,
  loadResults,
  type Part,
  type Reasons,
  type Results,
  saveResults,
  scoreOf,
  summarize,
  withTriedAgain,
} from "./results.ts";
import { trySql } from "./sql/try_sql.ts";

/** What has to be noticed, of each kind. */
const GOAL = 0.9;

const KINDS = [["core", tryCore], ["sql", trySql]] as const;
type Try = (typeof KINDS)[number][1];

/** True when enough were noticed. */
async function main(options: Options): Promise<boolean> {
  const [recorded, reasons] = [await loadResults(), await loadReasons()];
  const parts: Partial<Results> = {};
  for (const [kind, tryMutants] of KINDS) {
    if (!options[kind]) continue;
    const part = options.again
      ? await runAgain(tryMutants, {
        kind,
        recorded: recorded[kind],
        reasons,
        quick: options.quick,
      })
      : await run(tryMutants, { kind, options });
    if (part !== null) parts[kind] = part;
  }
  if (options.write) {
    // Another run may have recorded the other kind meanwhile.
    const results = { ...await loadResults(), ...parts };
    await saveResults(results);
    await Deno.writeTextFile(PAGE, await mutationPage(results, reasons));
  }
  return Object.values(parts).every((part) => part === null || scoreOf(part) >= GOAL);
}

async function run(
  tryMutants: Try,
  { kind, options }: { kind: string; options: Options },
): Promise<Part> {
  const { files, sample, seed, quick } = options;
  const selection = { files, sample, seed, keys: null };
  console.log(`\n── ${kind}, seed ${seed} ──`);
  const part = summarize(await tryMutants({ selection, quick, onVerdict: show }), seed);
  print(kind, part);
  console.log(`the same ones: npm run mutate -- ${commandOf(kind, options)}`);
  return part;
}

/** Null when nothing is recorded. */
async function runAgain(
  tryMutants: Try,
  { kind, recorded, reasons, quick }: {
    kind: string;
    recorded: Part | null;
    reasons: Reasons;
    quick: boolean;
  },
): Promise<Part | null> {
  if (recorded === null) return null;
  const { seed, survivors } = recorded;
  const open = survivors.map(({ key }) => key).filter((key) => !(key in reasons));
  if (open.length === 0) return recorded;
  console.log(`\n── ${kind}, survivors of seed ${seed} ──`);
  const selection = { files: null, sample: null, seed, keys: new Set(open) };
  const part = withTriedAgain(recorded, await tryMutants({ selection, quick, onVerdict: show }));
  print(kind, part);
  return part;
}

function print(kind: string, part: Part): void {
  const valid = part.tried - part.invalid;
  console.log(
    `${kind}: mutants ${part.total}, tried ${part.tried}, no programs ${part.invalid}, ` +
      `noticed ${valid - part.survivors.length} of ${valid}; ${JSON.stringify(part.caughtBy)}`,
  );
  for (const { key, line } of part.survivors) console.log(`survivor, line ${line}: ${key}`);
}

function show({ mutant, caughtBy }: Verdict): void {
  console.log(`${caughtBy ?? "SURVIVES"}, line ${mutant.line}: ${mutant.key}`);
}

function commandOf(kind: string, { files, sample, seed }: Options): string {
  return [
    `--${kind}`,
    ...(files === null ? [] : [`--files '${files}'`]),
    ...(sample === null ? [] : [`--sample ${sample}`]),
    `--seed ${seed}`,
  ].join(" ");
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
