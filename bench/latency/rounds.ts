/** Several ways to do the same, in turns. @module */

import { z } from "zod";
import type { LineProcess } from "../support/line_process.ts";
import { summarise, summarySchema } from "../statistics.ts";
import { PARTS, type PartTimes, spent } from "../support/stack_processes.ts";
import { type Job, jobResultSchema } from "./jobs.ts";

const partTimesSchema = z.record(z.enum(PARTS), z.number());

export const waySchema = z.object({
  /** Milliseconds per request, over all rounds. */
  ms: summarySchema,
  /** Milliseconds of CPU for each part of the stack, all rounds together. */
  cpu: partTimesSchema,
});
export type Way = z.infer<typeof waySchema>;

export interface Meter {
  clients: LineProcess;
  clock: () => PartTimes;
  rounds: number;
  /** Requests by the name of the way, those that only warm up included. */
  sent: Map<string, number>;
}

/** Measures each job once per round; who begins changes from round to round. @throws {Error} when a request fails. */
export async function inTurns<Name extends string>(
  meter: Meter,
  jobs: Record<Name, Job>,
): Promise<(name: Name) => Way> {
  const { clock, rounds } = meter;
  const order = Object.entries<Job>(jobs);
  const samples = new Map(order.map(([name]): [string, Samples] => [name, noSamples()]));
  for (const [name, job] of order) {
    // Connections are made and code is warm when it counts.
    await ask(meter, name, { ...job, requests: Math.max(4, job.clients.length), everyMs: null });
  }
  for (let round = 0; round < rounds; round++) {
    for (const [name, job] of order) {
      const before = clock();
      const ms = await ask(meter, name, job);
      const cost = spent(before, clock());
      const way = samples.get(name);
      way?.ms.push(...ms);
      for (const part of PARTS) if (way !== undefined) way.cpu[part] += cost[part];
    }
    order.push(...order.splice(0, 1));
  }
  return (name) => {
    const { ms, cpu } = samples.get(name) ?? noSamples();
    return { ms: summarise(ms), cpu };
  };
}

/** Of one way, over all rounds. */
interface Samples {
  ms: number[];
  cpu: PartTimes;
}

async function ask({ clients, sent }: Meter, name: string, job: Job): Promise<number[]> {
  const { samples, problem } = jobResultSchema.parse(await clients.ask(job));
  if (problem !== null) throw new Error(`Cannot measure "${name}": a request failed: ${problem}`);
  sent.set(name, (sent.get(name) ?? 0) + samples.length);
  return samples;
}

function noSamples(): Samples {
  return {
    ms: [],
    cpu: { clients: 0, gateway: 0, functions: 0, PostgREST: 0, PostgreSQL: 0, Acontext: 0 },
  };
}
