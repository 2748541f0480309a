/** The frame of a program that drains: it loads, reports that it has, and drains on each order. @module */

import { AcontextClient } from "@acontext/acontext";
import { z } from "zod";
import { cpuMs } from "../../cpu_time.ts";
import { answerLines } from "../../support/line_process.ts";

const configSchema = z.object({
  databaseUrl: z.string(),
  apiUrl: z.string(),
  secretKey: z.string(),
  acontext: z.object({ baseUrl: z.string(), apiKey: z.string() }),
  concurrency: z.int(),
});

/** Where a program finds everything. In an environment variable, since arguments can be seen by all users. */
export type ProgramConfig = z.infer<typeof configSchema>;

export const CONFIG_VARIABLE = "BENCH_CONFIG";

export const drainedSchema = z.object({ ms: z.number(), cpuMs: z.number() });

/** Session and disk of Acontext. */
const resourcesSchema = z.object({ sessionId: z.string(), diskId: z.string() });

/** What a queue's job carries: both, and the row. */
export const jobSchema = resourcesSchema.extend({ rowId: z.string() });

export type Job = z.infer<typeof jobSchema>;

export function readConfig(): ProgramConfig {
  return configSchema.parse(JSON.parse(Deno.env.get(CONFIG_VARIABLE) ?? "{}"));
}

/** What a program is asked to do. */
const orderSchema = z.object({
  /** Sessions that are due. */
  count: z.int(),
  /** For a program without a database: what it has to delete. */
  resources: z.array(resourcesSchema),
  /** For a queue: the jobs are there already, and the rows stay. */
  jobsAlone: z.boolean(),
});

export type Order = z.infer<typeof orderSchema>;

/** One drain; `work` alone is timed. */
export interface Drain {
  work(): Promise<void>;
  end?(): Promise<void>;
}

/** Begins a drain for each order that comes in, and answers with what it took. */
export async function serveDrains(begin: (order: Order) => Drain | Promise<Drain>): Promise<void> {
  await answerLines(async (question) => {
    // Asked only to find out that all code is loaded.
    if (question === null) return null;
    const { work, end } = await begin(orderSchema.parse(question));
    const cpuBefore = cpuMs(Deno.pid);
    const started = performance.now();
    await work();
    const ms = performance.now() - started;
    const used = cpuMs(Deno.pid) - cpuBefore;
    await end?.();
    return { ms, cpuMs: used };
  });
  // The pools of the libraries would keep it alive.
  Deno.exit(0);
}

/** Both deletes in parallel, as the job of a queue. */
export function createDeleteBoth(
  { acontext }: ProgramConfig,
): (both: Order["resources"][number]) => Promise<void> {
  const client = new AcontextClient(acontext);
  return async function deleteBoth({ sessionId, diskId }) {
    await Promise.all([client.sessions.delete(sessionId), client.disks.delete(diskId)]);
  };
}

/** Deletes up to `concurrency` sessions at a time. */
export async function deleteAll(
  resources: Order["resources"],
  concurrency: number,
  remove: (both: Order["resources"][number]) => Promise<void>,
): Promise<void> {
  const left = resources.values();
  await Promise.all(Array.from({ length: concurrency }, async () => {
    for (const both of left) await remove(both);
  }));
}
