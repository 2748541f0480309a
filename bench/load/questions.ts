/** What the clients' process is asked, and what it answers. @module */

import { z } from "zod";

export const OPERATIONS = [
  "create",
  "store",
  "load",
  "list",
  "upload",
  "download",
  "delete",
] as const;
export type Operation = typeof OPERATIONS[number];

export const questionSchema = z.discriminatedUnion("do", [
  z.object({
    do: z.literal("sign in"),
    apiUrl: z.string(),
    publishableKey: z.string(),
    /** One for each client. */
    tokens: z.array(z.string()),
    /** Seconds; a call that is asked to wait longer fails at once. */
    maxRetryAfter: z.number(),
  }),
  /** Work for so long, by the mix. */
  z.object({ do: z.literal("work"), seconds: z.number() }),
  /** Check everything once, when faults have ended. */
  z.object({ do: z.literal("check") }),
]);
export type Question = z.infer<typeof questionSchema>;

/** How often something went wrong, by `operation status code`. */
const countsSchema = z.record(z.string(), z.int());

export const workSchema = z.object({
  seconds: z.number(),
  /** Milliseconds of each call of the client package, its repetitions and waits included. */
  calls: z.record(z.enum(OPERATIONS), z.array(z.number())),
  /** Milliseconds of each request. */
  requests: z.record(z.enum(OPERATIONS), z.array(z.number())),
  /** Requests that were answered with an error, or not at all. */
  failedRequests: countsSchema,
  /** Calls that failed after all repetitions. */
  failedCalls: countsSchema,
  /** Successful answers that were not true, and errors that no fault explains. */
  wrong: z.array(z.string()),
});
export type Work = z.infer<typeof workSchema>;
