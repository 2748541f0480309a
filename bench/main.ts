/**
 * `npm run bench`: measures, prints tables, keeps aggregates in bench/results and rewrites docs/performance.md.
 * With `--quick` nothing is kept. Each benchmark ends with a line `ok name` or `FAIL name`; the others run even when one
 * fails.
 *
 * @module
 */

import { BENCHMARKS } from "./all.ts";
import { ROOT } from "../local/paths.ts";
import { endWithRunner } from "../local/until_stopped.ts";
import type { AnyBenchmark, Scale } from "./benchmark.ts";
import { describeMachine, describeVersions } from "./machine.ts";
import { type Options, readOptions, USAGE } from "./options.ts";
import { PAGE, performancePage } from "./performance_page.ts";
import { saveMeasurement } from "./results.ts";
import { summaryTable } from "./summary.ts";

/** True when every benchmark did its work. */
async function main({ scale, names, reportOnly }: Options): Promise<boolean> {
  const wanted = reportOnly
    ? []
    : BENCHMARKS.filter(({ name }) => names.length === 0 || names.includes(name));
  let success = true;
  for (const benchmark of wanted) {
    const { name, title } = benchmark;
    console.log(`\n── ${name}: ${title} ──`);
    const started = performance.now();
    try {
      await measure(benchmark, scale);
      console.log(`\nok ${name} (${Math.round((performance.now() - started) / 1000)} s)`);
    } catch (error) {
      success = false;
      console.error(error);
      console.log(`\nFAIL ${name}`);
    }
  }
  if (scale === "full") await writePage();
  return success;
}

async function writePage(): Promise<void> {
  await Deno.writeTextFile(PAGE, await performancePage());
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--quiet", PAGE],
    cwd: ROOT,
    stdin: "null",
  }).output();
  if (!success) throw new Error(`Cannot format ${PAGE}`);
}

async function measure(benchmark: AnyBenchmark, scale: Scale): Promise<void> {
  const result = await benchmark.run({ scale, log: (line) => console.log(line) });
  // Reported from the JSON alone, as the page will be.
  const kept: unknown = JSON.parse(JSON.stringify(result));
  const headlines = benchmark.headlines(kept);
  if (headlines.length > 0) console.log(`\n${summaryTable(headlines)}`);
  console.log(`\n${benchmark.report(kept)}`);
  if (scale === "quick") return;
  await saveMeasurement({
    benchmark: benchmark.name,
    scale,
    measuredAt: new Date().toISOString(),
    machine: describeMachine(),
    versions: await describeVersions(),
    result: kept,
  });
}

if (import.meta.main) {
  endWithRunner();
  try {
    const success = await main(readOptions(Deno.args, BENCHMARKS.map(({ name }) => name)));
    Deno.exit(success ? 0 : 1);
  } catch (error) {
    if (error instanceof RangeError) console.error(`${error.message}\n${USAGE}`);
    else console.error(error);
    Deno.exit(1);
  }
}
