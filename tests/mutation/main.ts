/**
 * `npm run mutate`: changes the product in small ways and looks whether a suite notices; see docs/mutation-testing.md.
 *
 * @module
 */

import { tryCore } from "./core/try_core.ts";
import type { Tried, Verdict } from "./mutant.ts";
import { type Options, readOptions, USAGE } from "./options.ts";
import { mutationPage, PAGE } from "./page.ts";
import { loadReasons, loadResults, type Part, saveResults, scoreOf, summarize } from "./results.ts";
import { trySql } from "./sql/try_sql.ts";

/** What has to be noticed, of each kind. */
const GOAL = 0.9;

/** True when enough were noticed. */
async function main(options: Options): Promise<boolean> {
  const parts: Partial<Record<"core" | "sql", Part>> = {};
  for (const [kind, attempt] of [["core", tryCore], ["sql", trySql]] as const) {
    if (!options[kind]) continue;
    console.log(`\n── ${kind}, seed ${options.seed} ──`);
    parts[kind] = await run(kind, attempt, options);
  }
  if (options.write) {
    const results = { ...await loadResults(), ...parts };
    await saveResults(results);
    await Deno.writeTextFile(PAGE, await mutationPage(results, await loadReasons()));
  }
  return Object.values(parts).every((part) => scoreOf(part) >= GOAL);
}

async function run(
  kind: "core" | "sql",
  attempt: (options: Options, onVerdict: (verdict: Verdict) => void) => Promise<Tried>,
  options: Options,
): Promise<Part> {
  const part = summarize(await attempt(options, show), options.seed);
  const valid = part.tried - part.invalid;
  console.log(
    `${kind}: mutants ${part.total}, tried ${part.tried}, no programs ${part.invalid}, ` +
      `noticed ${valid - part.survivors.length} of ${valid}; ${JSON.stringify(part.caughtBy)}`,
  );
  for (const { key, line } of part.survivors) console.log(`survivor, line ${line}: ${key}`);
  console.log(`again: npm run mutate -- ${commandOf(kind, options)}`);
  return part;
}

function show({ mutant, caughtBy }: Verdict): void {
  console.log(`${caughtBy ?? "SURVIVES"}, line ${mutant.line}: ${mutant.key}`);
}

function commandOf(kind: "core" | "sql", { files, sample, seed }: Options): string {
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
