/** What this benchmark gives back. @module */

import { z } from "zod";
import { waySchema } from "./rounds.ts";

const settingSchema = z.object({
  /** Of each call to Acontext. */
  delayMs: z.number(),
  clients: z.int(),
  /** Null: each client sends its next request when it has the answer. */
  everyMs: z.number().nullable(),
});

export const resultSchema = z.object({
  cores: z.int(),
  creates: z.array(settingSchema.extend({ naive: waySchema, ours: waySchema })),
  messages: z.array(settingSchema.extend({
    directStore: waySchema,
    store: waySchema,
    storeOnce: waySchema,
    directLoad: waySchema,
    load: waySchema,
  })),
  /** In the sessions that are loaded. */
  loadedMessages: z.int(),
});

export type Setting = z.infer<typeof settingSchema>;
export type LatencyResult = z.infer<typeof resultSchema>;
