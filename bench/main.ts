/**
 * `npm run bench`: measures, prints tables, keeps the raw samples in bench/results and writes docs/performance.md anew.
 * With `--quick` nothing is kept.
 *
 * @module
 */

import { BENCHMARKS } from "./all.ts";
import { describeMachine, describeVersions } from "./machine.ts";
import { type Options, readOptions, USAGE } from "./options.ts";
import { PAGE, performancePage } from "./performance_page.ts";
import { saveMeasurement } from "./results.ts";

async function main({ scale, names, reportOnly }: Options): Promise<void> {
  const wanted = reportOnly
    ? []
    : BENCHMARKS.filter(({ name }) => names.length === 0 || names.includes(name));
  for (const { name, title, run, report } of wanted) {
    console.log(`\n── ${name}: ${title} ──`);
    const started = performance.now();
    const result = await run({ scale, log: (line) => console.log(line) });
    // What is said now is what the page will say: from the JSON alone.
    const kept: unknown = JSON.parse(JSON.stringify(result));
    console.log(`\n${report(kept)}`);
    console.log(`\n(${Math.round((performance.now() - started) / 1000)} s)`);
    if (scale === "quick") continue;
    await saveMeasurement({
      benchmark: name,
      scale,
      measuredAt: new Date().toISOString(),
      machine: describeMachine(),
      versions: await describeVersions(),
      result: kept,
    });
  }
  if (scale === "full") await Deno.writeTextFile(PAGE, await performancePage());
}

if (import.meta.main) {
  try {
    await main(readOptions(Deno.args, BENCHMARKS.map(({ name }) => name)));
    Deno.exit(0);
  } catch (error) {
    if (error instanceof RangeError) console.error(`${error.message}\n${USAGE}`);
    else console.error(error);
    Deno.exit(1);
  }
}
