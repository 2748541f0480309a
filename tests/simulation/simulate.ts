/** Many runs, spread over threads, and what they add up to. @module */

import type { BenchThread } from "./bench.ts";
import type { SeedReport } from "./bench_protocol.ts";
import { Random } from "./random.ts";
import type { ViolationKind } from "./violation.ts";

export interface Total {
  runs: number;
  steps: number;
  faults: number;
  crashes: number;
  found: Record<ViolationKind, number>;
  /** By order of the runs. */
  failures: SeedReport[];
}

/** The seed of the run number `index` of a simulation. */
export function runSeedOf(seed: number, index: number): number {
  return new Random(seed).fork(`run ${index}`).seed & 0x7fffffff;
}

export async function simulate(
  threads: BenchThread[],
  seeds: readonly number[],
  most: number,
  onDone: (done: number) => void = () => {},
): Promise<Total> {
  const reports = new Map<number, SeedReport>();
  const left = seeds.entries();
  await Promise.all(threads.map(async (thread) => {
    for (const [index, seed] of left) {
      reports.set(index, await thread.run(seed, most));
      onDone(reports.size);
    }
  }));
  const total: Total = {
    runs: seeds.length,
    steps: 0,
    faults: 0,
    crashes: 0,
    found: { leak: 0, "wrong deletion": 0, "content loss": 0, stuck: 0 },
    failures: [],
  };
  for (const index of seeds.keys()) {
    const report = reports.get(index);
    if (report === undefined) continue;
    total.steps += report.steps;
    total.faults += report.faults;
    total.crashes += report.crashes;
    for (const { kind } of report.violations) total.found[kind] += 1;
    if (report.violations.length > 0) total.failures.push(report);
  }
  return total;
}

export function summaryOf({ runs, steps, faults, crashes, found }: Total): string {
  return `runs ${runs}, steps ${steps}, faults ${faults}, crashes ${crashes}, ` +
    `leaks ${found.leak}, wrong deletions ${found["wrong deletion"]}, ` +
    `live content lost ${found["content loss"]}, stuck ${found.stuck}`;
}
