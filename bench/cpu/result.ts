/** What this benchmark gives back. @module */

import { z } from "zod";
import { summarise, summarySchema } from "../statistics.ts";

/** From the bottom up, each with all that is below it. */
export const LAYERS = ["bare", "sdk", "adapter"] as const;

/** One process of the function. */
export interface Run {
  /** Milliseconds of CPU per session of the first run of a process, which has to compile what it runs. */
  first: number;
  /** The same of the second run. */
  second: number;
  /** Bytes when the process has started. */
  startedBytes: number;
}

export interface Samples {
  sessions: number;
  /** Milliseconds of CPU per session, for each round. */
  layers: Record<typeof LAYERS[number], number[]>;
  runs: Run[];
  /** Bytes after each further thousand sessions of one process. */
  residentBytes: number[];
  /** The most that this process had at any moment. */
  peakBytes: number;
}

export const resultSchema = z.object({
  sessions: z.int(),
  /** Milliseconds of CPU per session. */
  layers: z.record(z.enum(LAYERS), summarySchema),
  sweep: z.object({ first: summarySchema, second: summarySchema }),
  memory: z.object({
    startedBytes: summarySchema,
    /** Of one process, after its first thousand sessions and after its last. */
    earlyBytes: z.int(),
    lateBytes: z.int(),
    thousands: z.int(),
    peakBytes: z.int(),
  }),
});
export type CpuResult = z.infer<typeof resultSchema>;

export function aggregate(
  { sessions, layers, runs, residentBytes, peakBytes }: Samples,
): CpuResult {
  const of = (figure: keyof Run) => summarise(runs.map((run) => run[figure]));
  return {
    sessions,
    layers: {
      bare: summarise(layers.bare),
      sdk: summarise(layers.sdk),
      adapter: summarise(layers.adapter),
    },
    sweep: { first: of("first"), second: of("second") },
    memory: {
      startedBytes: of("startedBytes"),
      earlyBytes: residentBytes[0] ?? 0,
      lateBytes: residentBytes.at(-1) ?? 0,
      thousands: residentBytes.length,
      peakBytes,
    },
  };
}
