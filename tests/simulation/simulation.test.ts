/** The simulation as part of `npm test`: regressions, a few dozen runs, and that a seed always plays the same way. */

import { assert, assertEquals } from "@std/assert/mod.js";
import { startCluster } from "./cluster.ts";
import { Database } from "./database.ts";
import { MUTANTS } from "./mutants/all.ts";
import { applyAll } from "./mutants/try_mutants.ts";
import { readUnshrunk, REGRESSIONS } from "./regressions.ts";
import { type Bench, runPlan } from "./run_plan.ts";
import { DEFAULT_COMMANDS, planOf } from "./search.ts";
import { runSeedOf } from "./simulate.ts";
import { loadSystem } from "./system.ts";

const RUNS = 150;
const SEED = 20_261_120;

Deno.test({
  name: "simulation",
  // Requests that nobody waits for any more leave the SDK's timers behind.
  sanitizeOps: false,
  sanitizeResources: false,
  async fn(t) {
    const cluster = await startCluster();
    const database = await Database.connect(await cluster.clone("simulation_test"));
    const bench: Bench = { database, system: await loadSystem() };
    try {
      for (const { name, plan } of REGRESSIONS) {
        await t.step(name, async () => {
          assertEquals((await runPlan(plan, bench)).violations, []);
        });
      }
      await t.step("plans that once failed are clean", async () => {
        for (const { found, plan } of await readUnshrunk()) {
          const { violations } = await runPlan(plan, bench);
          assertEquals({ found, violations }, { found, violations: [] });
        }
      });
      await t.step(`${RUNS} runs leak nothing and delete nothing that is live`, async () => {
        for (let i = 0; i < RUNS; i++) {
          const seed = runSeedOf(SEED, i);
          const { violations } = await runPlan(planOf(seed, DEFAULT_COMMANDS), bench);
          assertEquals({ seed, violations }, { seed, violations: [] });
        }
      });
      await t.step("every mutant still changes what it was written for", async () => {
        const databaseUrl = await cluster.clone("definitions");
        const workDir = await Deno.makeTempDir({ prefix: "acontext-mutants-" });
        try {
          // Throws where the code that it takes away has moved.
          await applyAll(MUTANTS, { databaseUrl, workDir });
        } finally {
          await Deno.remove(workDir, { recursive: true });
        }
      });
      await t.step("a seed plays the same way twice, to the letter", async () => {
        for (let i = 0; i < 10; i++) {
          const plan = planOf(runSeedOf(SEED, i), DEFAULT_COMMANDS);
          const first = await runPlan(plan, bench, { trace: true });
          const second = await runPlan(plan, bench, { trace: true });
          assert(first.trace.length > 0);
          assertEquals(second.trace, first.trace);
        }
      });
    } finally {
      await database.close();
      await cluster.stop();
    }
  },
});
