/** A thread with a database of its own that runs plans. @module */

/// <reference lib="deno.worker" />

import type { Answer, Order } from "./bench_protocol.ts";
import { Database } from "./database.ts";
import type { Bench } from "./run_plan.ts";
import { runSeed, shrink } from "./search.ts";
import { loadSystem } from "./system.ts";

/** So many runs leave so many dead rows that looking at the tables takes longer. */
const RUNS_BETWEEN_VACUUMS = 200;

let bench: Bench | null = null;
let runs = 0;

async function obey(order: Order): Promise<Answer> {
  if (order.do === "prepare") {
    const database = await Database.connect(order.databaseUrl);
    for (const patch of order.patches) await database.sql.unsafe(patch).simple();
    bench = { database, system: await loadSystem(order.folder ?? undefined) };
    return { did: "prepare" };
  }
  if (bench === null) throw new Error("Cannot run: not prepared");
  const { seed, most } = order;
  if (order.do === "shrink") {
    return { did: "shrink", failure: await shrink(bench, { seed, most, timeMs: order.timeMs }) };
  }
  if (++runs % RUNS_BETWEEN_VACUUMS === 0) await bench.database.vacuum();
  const { steps, faults, crashes, violations } = await runSeed(bench, { seed, most });
  return { did: "run", report: { seed, steps, faults, crashes, violations } };
}

self.onmessage = async ({ data }: MessageEvent<Order>) => {
  const answer = await obey(data).catch((error): Answer => ({
    did: "fail",
    error: error instanceof Error ? error.stack ?? error.message : String(error),
  }));
  self.postMessage(answer);
};
