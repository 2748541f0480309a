/** docs/performance.md, written from the last measurements. @module */

import { join } from "@std/path/mod.js";
import { ROOT } from "../local/paths.ts";
import { BENCHMARKS } from "./all.ts";
import { cpuSchema } from "./cpu/benchmark.ts";
import { drainSchema } from "./drain/benchmark.ts";
import { growthSchema } from "./growth/schema.ts";
import { planning } from "./planning.ts";
import type { Machine, Measurement } from "./benchmark.ts";
import { loadMeasurement } from "./results.ts";

export const PAGE = join(ROOT, "docs", "performance.md");

const INTRODUCTION = `<!-- Written by \`npm run bench\` from bench/results. Do not edit. -->

# Performance

Each section is measured by one command, which repeats it on your machine and writes it here anew:

\`\`\`sh
npm run bench                 # everything
npm run bench -- drain        # one benchmark, by the name below its heading
npm run bench -- --quick      # everything, small: does it work?
npm run bench -- --report     # this page from what was measured before
\`\`\`

Machines are noisy. Compare figures of one run with each other, never with those of another machine: that is why every
benchmark measures what it is compared with, too, in turns. Raw samples are in \`bench/results\`.
`;

/** The page as it has to be, given what is in bench/results; before `deno fmt`. */
export async function performancePage(): Promise<string> {
  const sections = [INTRODUCTION];
  for (const { name, title, report } of BENCHMARKS) {
    const measurement = await loadMeasurement(name);
    if (measurement === null) continue;
    sections.push(`## ${title}\n\n${origin(measurement)}\n\n${report(measurement.result)}`);
  }
  const plan = await plannedFrom();
  if (plan !== null) sections.push(`## Planning\n\n${plan}`);
  return sections.join("\n\n");
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

function origin({ benchmark, measuredAt, machine, versions }: Measurement): string {
  const used = Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(", ");
  return `\`npm run bench -- ${benchmark}\`, ${measuredAt.slice(0, 10)}, on ${
    describe(machine)
  }; ${used}.`;
}

function describe({ cpu, cores, memoryGiB, os }: Machine): string {
  return `${cores} cores (${cpu}), ${memoryGiB} GiB, ${os}`;
}
