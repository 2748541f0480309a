/** Draws the plan of a seed, runs it, and shrinks it when it fails. @module */

import fc from "fast-check";
import { plans } from "./generate.ts";
import type { Plan } from "./plan.ts";
import { type Bench, runPlan, type RunReport } from "./run_plan.ts";
import type { Violation } from "./violation.ts";

export const DEFAULT_COMMANDS = 40;

export interface Failure {
  plan: Plan;
  violation: Violation;
  trace: string[];
}

/** Runs the plan of this seed. */
export async function runSeed(
  bench: Bench,
  { seed, most }: { seed: number; most: number },
): Promise<RunReport> {
  return await runPlan(planOf(seed, most), bench);
}

/** The same plan that {@link shrink} begins with. */
export function planOf(seed: number, most: number): Plan {
  const [plan] = fc.sample(plans(most), { seed, numRuns: 1, unbiased: true });
  if (plan === undefined) throw new Error(`Cannot draw a plan for seed ${seed}`);
  return plan;
}

/** The shortest story found within the time that fails the same check as this seed. */
export async function shrink(
  bench: Bench,
  { seed, most, timeMs }: { seed: number; most: number; timeMs: number },
): Promise<Failure | null> {
  const [first] = (await runPlan(planOf(seed, most), bench)).violations;
  if (first === undefined) return null;
  let best = planOf(seed, most);
  const endsAt = performance.now() + timeMs;
  await fc.check(
    fc.asyncProperty(plans(most), async (plan) => {
      // fast-check's own limit would leave a run behind that goes on in the same database.
      if (performance.now() > endsAt) return true;
      const { violations: [violation] } = await runPlan(plan, bench);
      const same = violation?.kind === first.kind && violation.check === first.check;
      if (same) best = plan;
      return !same;
    }),
    { seed, numRuns: 1, unbiased: true },
  );
  const { violations: [violation], trace } = await runPlan(best, bench, { trace: true });
  return { plan: best, violation: violation ?? first, trace };
}
