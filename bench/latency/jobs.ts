/** What the clients' process is asked to do, and what it answers. @module */

import { z } from "zod";

const requestSchema = z.object({
  method: z.enum(["GET", "POST"]),
  url: z.string(),
  headers: z.record(z.string(), z.string()),
  body: z.string().nullable(),
  /** Sends a new `Idempotency-Key` each time. */
  keyed: z.boolean(),
});

export const jobSchema = z.object({
  /** One for each client, which sends it again and again. */
  clients: z.array(requestSchema).min(1),
  /** By all clients together. */
  requests: z.int().min(1),
  /** The status of success; anything else ends the measurement. */
  expected: z.int(),
  /** Milliseconds from one request of a client to its next; null: the next follows the answer at once. */
  everyMs: z.number().nullable(),
});

export const jobResultSchema = z.object({
  /** Milliseconds from the beginning of a request to the last byte of its answer. */
  samples: z.array(z.number()),
  problem: z.string().nullable(),
});

export type ClientRequest = z.infer<typeof requestSchema>;
export type Job = z.infer<typeof jobSchema>;
export type JobResult = z.infer<typeof jobResultSchema>;
