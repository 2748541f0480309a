/** docs/performance.md, written from the last measurements. @module */

import { join } from "@std/path/mod.js";
import { ROOT } from "../local/paths.ts";
import { BENCHMARKS } from "./all.ts";
import type { AnyBenchmark, Measurement } from "./benchmark.ts";
import { resultSchema as cpuSchema } from "./cpu/result.ts";
import { resultSchema as drainSchema } from "./drain/result.ts";
import { resultSchema as growthSchema } from "./growth/result.ts";
import { planning } from "./planning.ts";
import { loadMeasurement } from "./results.ts";
import { summaryTable } from "./summary.ts";

export const PAGE = join(ROOT, "docs", "performance.md");

const HEADING = `<!-- Written by \`npm run bench\` from bench/results. Do not edit. -->

# Performance
`;

const HOW_TO_REPEAT =
  `Each section comes from one benchmark. To repeat it on your machine and rewrite this page:

\`\`\`sh
npm run bench                 # everything
npm run bench -- drain        # one benchmark, by the name below its heading
npm run bench -- --quick      # everything, small: does it work?
npm run bench -- --report     # this page from what was measured before
\`\`\`

Machines differ, and so does one machine from minute to minute. Compare only figures of the same run: every benchmark also
measures what it is compared with, in turns. The figures are kept in \`bench/results\`.
`;

/** A measurement from before this day is not of the code as it is. */
const CHANGED_AT = "2026-11-28";
const CHANGED =
  `Measured before ${CHANGED_AT}. Since then the two deletes of a session follow one another, with a look at the disk's files in
between, and each stored message is claimed first: the code as it is takes longer.`;

interface Measured {
  benchmark: AnyBenchmark;
  measurement: Measurement;
}

/** The page as it has to be, given what is in bench/results; before `deno fmt`. */
export async function performancePage(): Promise<string> {
  const all: Measured[] = [];
  for (const benchmark of BENCHMARKS) {
    const measurement = await loadMeasurement(benchmark.name);
    if (measurement !== null) all.push({ benchmark, measurement });
  }
  // Said once, unless some were measured elsewhere.
  const origins = new Set(all.map(({ measurement }) => originOf(measurement)));
  const sections = all.map(({ benchmark, measurement }) => {
    const measured = `\`npm run bench -- ${benchmark.name}\`, ${
      measurement.measuredAt.slice(0, 10)
    }`;
    const from = origins.size === 1 ? measured : `${measured}, on ${originOf(measurement)}`;
    const old = measurement.measuredAt < CHANGED_AT ? `${CHANGED}\n\n` : "";
    return `## ${benchmark.title}\n\n${from}.\n\n${old}${benchmark.report(measurement.result)}`;
  });
  const plan = await plannedFrom();
  return [
    HEADING,
    summaryTable(
      all.flatMap(({ benchmark, measurement }) => benchmark.headlines(measurement.result)),
    ),
    ...(origins.size === 1 ? [`Measured on ${[...origins].join()}.`] : []),
    HOW_TO_REPEAT,
    ...sections,
    ...(plan === null ? [] : [`## Planning\n\n${plan}`]),
  ].join("\n\n");
}

/** Null when not all that it needs was measured. */
async function plannedFrom(): Promise<string | null> {
  const [drain, cpu, growth] = await Promise.all(["drain", "cpu", "growth"].map(loadMeasurement));
  if (!drain || !cpu || !growth) return null;
  return planning({
    drain: drainSchema.parse(drain.result),
    cpu: cpuSchema.parse(cpu.result),
    growth: growthSchema.parse(growth.result),
  });
}

/** The machine and the versions. */
function originOf({ machine, versions }: Measurement): string {
  const { cpu, cores, memoryGiB, os } = machine;
  const used = Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(", ");
  return `${cores} cores (${cpu}), ${memoryGiB} GiB, ${os}; ${used}`;
}
