/** What this benchmark gives back. @module */

import { z } from "zod";
import { median, summarise, summarySchema } from "../statistics.ts";

const CONTENDERS = [
  "ours",
  "bare",
  "naive",
  "graphileWorker",
  "pgBoss",
  "graphileWorkerAlone",
  "pgBossAlone",
] as const;
export type ContenderKey = typeof CONTENDERS[number];

/** Queues that do the whole of the work. */
export const QUEUES: readonly ContenderKey[] = ["graphileWorker", "pgBoss"];

export const CONTENDER_NAMES: Record<ContenderKey, string> = {
  ours: "this project",
  bare: "the deletes alone",
  naive: "naive loop",
  graphileWorker: "graphile-worker",
  pgBoss: "pg-boss",
  graphileWorkerAlone: "graphile-worker, jobs alone",
  pgBossAlone: "pg-boss, jobs alone",
};

/** One drain. */
export interface Sample {
  contender: ContenderKey;
  /** Milliseconds that each call of Acontext is to take, besides its own work. */
  latency: number;
  /** What a call takes that is made alone, just before. */
  lone: number;
  sessions: number;
  ms: number;
  /** Of the worker's process. */
  cpuMs: number;
}

const drainsSchema = z.object({
  contender: z.enum(CONTENDERS),
  /** Milliseconds that each call of Acontext is to take, besides its own work. */
  latency: z.number(),
  sessions: z.int(),
  /** Sessions deleted per second. */
  speed: summarySchema,
  /** The ideal time divided by the measured one; the median. */
  efficiency: z.number(),
  /** Of the worker's process, per session; the median. */
  cpuMs: z.number(),
});

export const resultSchema = z.object({ concurrency: z.int(), drains: z.array(drainsSchema) });
export type DrainResult = z.infer<typeof resultSchema>;

export function aggregate(samples: Sample[], concurrency: number): DrainResult {
  const groups = Map.groupBy(samples, (sample) => `${sample.latency} ${sample.contender}`);
  const drains = [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const { contender, latency, sessions } = first;
    return [{
      contender,
      latency,
      sessions,
      speed: summarise(group.map(({ sessions, ms }) => 1000 * sessions / ms)),
      efficiency: median(
        group.map(({ sessions, ms, lone }) => sessions * lone / concurrency / ms),
      ),
      cpuMs: median(group.map(({ sessions, cpuMs }) => cpuMs / sessions)),
    }];
  });
  return { concurrency, drains };
}
