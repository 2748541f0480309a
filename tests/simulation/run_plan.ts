/** One run of the simulation, from an empty database to a balanced one. @module */

import type { Database } from "./database.ts";
import { deliverRequests } from "./delivery.ts";
import { end } from "./ending.ts";
import type { Plan } from "./plan.ts";
import { play } from "./play.ts";
import { setUp } from "./set_up.ts";
import type { System } from "./system.ts";
import type { Violation } from "./violation.ts";
import { World } from "./world.ts";

export interface RunReport {
  steps: number;
  faults: number;
  crashes: number;
  violations: Violation[];
  /** Empty unless asked for. */
  trace: string[];
}

export interface Bench {
  database: Database;
  system: System;
}

export async function runPlan(
  { seed, profile, commands }: Plan,
  { database, system }: Bench,
  { trace = false }: { trace?: boolean } = {},
): Promise<RunReport> {
  const { version, meeting } = profile;
  const world = new World({ seed, version, meeting, database, system, trace });
  try {
    await setUp(world, profile);
    const post = { deliveries: [20], fate: null };
    deliverRequests(world, post);
    await play(world, post, commands);
    if (!world.failed) await end(world, post);
    return {
      steps: world.scheduler.steps,
      faults: world.faults + world.remote.faults,
      crashes: world.crashes,
      violations: world.violations,
      trace: world.trace.lines,
    };
  } finally {
    for (const process of world.processes) process.alive = false;
    world.remote.close();
  }
}
