/** The frame of a program that drains: loads, says so, and drains whenever it is told to. @module */

import { TextLineStream } from "@std/streams/mod.js";
import { AcontextClient } from "@acontext/acontext";
import { z } from "zod";
import { cpuMs } from "../../cpu_time.ts";

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

/** What a program is told. */
const orderSchema = z.object({
  /** Sessions that are due. */
  count: z.int(),
  /** For a program that looks nowhere else: which. */
  resources: z.array(resourcesSchema),
  /** For a queue: the jobs are there already, and to remove the row is not their business. */
  jobsAlone: z.boolean(),
});

export type Order = z.infer<typeof orderSchema>;

/** Calls `drain` for each line that comes in, and answers with what it took. */
export async function serveDrains(drain: (order: Order) => Promise<void>): Promise<void> {
  const lines: ReadableStream<string> = Deno.stdin.readable
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream());
  console.log("ready");
  for await (const line of lines) {
    const order = orderSchema.parse(JSON.parse(line));
    const cpuBefore = cpuMs(Deno.pid);
    const started = performance.now();
    await drain(order);
    const ms = performance.now() - started;
    console.log(JSON.stringify({ ms, cpuMs: cpuMs(Deno.pid) - cpuBefore }));
  }
}

/** Both deletes side by side, as the job of a queue. */
export function createDeleteBoth(
  { acontext }: ProgramConfig,
): (both: Order["resources"][number]) => Promise<void> {
  const client = new AcontextClient(acontext);
  return async function deleteBoth({ sessionId, diskId }) {
    await Promise.all([client.sessions.delete(sessionId), client.disks.delete(diskId)]);
  };
}

/** Deletes so many at a time. */
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
