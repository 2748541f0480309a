/** What deleting a session costs the worker: memory, and CPU time, of which an Edge Function gets little. @module */

import { withWorld } from "../../tests/integration/support/world.ts";
import type { TestStack } from "../../tests/support/test_stack.ts";
import { benchmark, type Scale } from "../benchmark.ts";
import { peakResidentBytes, residentBytes } from "../cpu_time.ts";
import { startProgram } from "../drain/child_program.ts";
import { configOf, makeResources, thisProject, workerOf } from "../drain/contenders.ts";
import { withFastRemote } from "../drain/remote/start.ts";
import { headlines, report } from "./report.ts";
import {
  aggregate,
  type CpuResult,
  LAYERS,
  resultSchema,
  type Run,
  type Samples,
} from "./result.ts";

const CONCURRENCY = 16;

const SIZES: Record<Scale, { rounds: number; sessions: number; thousands: number }> = {
  full: { rounds: 5, sessions: 4_000, thousands: 20 },
  quick: { rounds: 1, sessions: 200, thousands: 1 },
};

export const cpu = benchmark<CpuResult>({
  name: "cpu",
  title: "CPU and memory of the worker",
  schema: resultSchema,
  report,
  headlines,
  run: ({ scale, log }) =>
    withFastRemote(async (stack) => {
      const { rounds, sessions, thousands } = SIZES[scale];
      const layers = await measureLayers(stack, { rounds, sessions });
      log(`layers: ${JSON.stringify(layers)}`);

      const runs: Run[] = [];
      for (let round = 0; round < rounds; round++) {
        await freshWorker(stack);
        const startedBytes = residentBytes(workerOf(stack));
        const first = await sweep(stack, sessions);
        const second = await sweep(stack, sessions);
        runs.push({ first, second, startedBytes });
        log(`sweep: first run ${first.toFixed(3)} ms, second ${second.toFixed(3)} ms per session`);
      }

      const resident: number[] = [];
      await freshWorker(stack);
      for (let thousand = 0; thousand < thousands; thousand++) {
        await sweep(stack, 1_000);
        resident.push(residentBytes(workerOf(stack)));
      }
      return aggregate({
        sessions,
        layers,
        runs,
        residentBytes: resident,
        peakBytes: peakResidentBytes(workerOf(stack)),
      });
    }),
});

/** Milliseconds of CPU per session. */
async function sweep(stack: TestStack, sessions: number): Promise<number> {
  const project = thisProject(stack);
  let cpuMs = 0;
  await withWorld(stack.info, async (world) => {
    await project.prepare(world, sessions);
    await world.database.sql`analyze`;
    ({ cpuMs } = await project.drain(world, sessions));
  });
  return cpuMs / sessions;
}

async function measureLayers(
  stack: TestStack,
  { rounds, sessions }: { rounds: number; sessions: number },
): Promise<Samples["layers"]> {
  const layers: Samples["layers"] = { bare: [], sdk: [], adapter: [] };
  const programs = await Promise.all(
    LAYERS.map(async (name) => ({
      name,
      program: await startProgram(name, configOf(stack.info, CONCURRENCY)),
    })),
  );
  try {
    // The first round is for the compiler.
    for (let round = -1; round < rounds; round++) {
      for (const { name, program } of programs) {
        await withWorld(stack.info, async (world) => {
          const resources = await makeResources(world, sessions);
          const { cpuMs } = await program.drain({
            count: sessions,
            resources,
            jobsAlone: true,
          });
          if (round >= 0) layers[name].push(cpuMs / sessions);
        });
      }
    }
  } finally {
    for (const { program } of programs) await program.stop();
  }
  return layers;
}

const RESTART_MS = 20_000;

/** Ends the function's process and waits for the next one: a platform keeps no process from one night to the next. */
async function freshWorker(stack: TestStack): Promise<void> {
  const old = workerOf(stack);
  Deno.kill(old, "SIGTERM");
  const deadline = Date.now() + RESTART_MS;
  while (Date.now() < deadline) {
    const [pid] = stack.functionPids("cleanup-sessions");
    if (pid !== undefined && pid !== old) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("Cannot measure: the function does not start again");
}
