/** What this benchmark gives back. @module */

import { z } from "zod";
import { workSchema } from "./questions.ts";

const daySchema = z.object({
  work: workSchema,
  /** Faults that were injected, by kind; the usual delay is none. */
  injected: z.record(z.string(), z.int()),
  sweeps: z.object({ sweeps: z.int(), deleted: z.int(), failed: z.int() }),
  /** Megabytes of each function's process, once a second. */
  memory: z.record(z.string(), z.array(z.number())),
});

export const resultSchema = z.object({
  clients: z.int(),
  backlog: z.int(),
  delayMs: z.number(),
  good: daySchema,
  bad: daySchema,
  end: z.object({
    /** Of the look at everything when the faults had ended. */
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
