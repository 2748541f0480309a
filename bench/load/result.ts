/** What this benchmark gives back. @module */

import { z } from "zod";
import { faultRuleSchema } from "../../local/acontext/fault_rules.ts";
import { median, summarise, summarySchema } from "../statistics.ts";
import type { Memory } from "./memory.ts";
import { type Operation, OPERATIONS, type Work, workSchema } from "./questions.ts";

const memorySchema = z.object({
  /** Medians of the first and the last quarter of the samples, and the most. */
  begin: z.number(),
  end: z.number(),
  max: z.number(),
});

const daySchema = workSchema.omit({ calls: true, requests: true }).extend({
  /** Milliseconds; those that were not drawn are missing. */
  operations: z.partialRecord(
    z.enum(OPERATIONS),
    z.object({
      /** Of each request. */
      requests: summarySchema,
      /** Of each call of the client package, its repetitions and waits included. */
      calls: summarySchema,
    }),
  ),
  /** Faults that were injected; the usual delay is none. */
  injected: z.array(z.object({ fault: faultRuleSchema.shape.fault, times: z.int() })),
  sweeps: z.object({ sweeps: z.int(), deleted: z.int(), failed: z.int() }),
  /** Megabytes of each function's process. */
  memory: z.record(z.string(), memorySchema),
});

export const resultSchema = z.object({
  clients: z.int(),
  backlog: z.int(),
  delayMs: z.number(),
  good: daySchema,
  bad: daySchema,
  end: z.object({
    /** Found by the check of everything after the faults had ended. */
    wrong: z.array(z.string()),
    rounds: z.int(),
    leaked: z.int(),
    missing: z.int(),
    /** Sessions of the backlog that were deleted, each with one receipt. */
    expired: z.int(),
  }),
});

export type Day = z.infer<typeof daySchema>;
export type LoadResult = z.infer<typeof resultSchema>;

export function aggregate(
  { work, memory, ...rest }: Pick<Day, "sweeps" | "injected"> & { work: Work; memory: Memory },
): Day {
  const { calls, requests, ...counts } = work;
  const operations: Day["operations"] = {};
  for (const operation of OPERATIONS) {
    const summaries = summariesOf(operation, { calls, requests });
    if (summaries !== null) operations[operation] = summaries;
  }
  return {
    ...counts,
    ...rest,
    operations,
    memory: Object.fromEntries(
      Object.entries(memory).map(([name, samples]) => [name, quarters(samples)]),
    ),
  };
}

function summariesOf(operation: Operation, { calls, requests }: Pick<Work, "calls" | "requests">) {
  if (calls[operation].length === 0 || requests[operation].length === 0) return null;
  return { requests: summarise(requests[operation]), calls: summarise(calls[operation]) };
}

function quarters(samples: readonly number[]): Day["memory"][string] {
  const size = Math.max(1, Math.floor(samples.length / 4));
  return {
    begin: median(samples.slice(0, size)),
    end: median(samples.slice(-size)),
    max: Math.max(...samples),
  };
}
