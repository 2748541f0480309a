/** What this benchmark gives back. @module */

import { z } from "zod";
import { bootSchema } from "./boot.ts";
import { bundleSchema } from "./bundle.ts";

export const resultSchema = z.object({
  /** By name; `empty` is a function without imports. */
  functions: z.record(
    z.string(),
    z.object({
      bundle: bundleSchema,
      /** Milliseconds. */
      imports: z.array(z.number()),
      boots: z.array(bootSchema),
    }),
  ),
  /** Milliseconds that each package adds, then the rest; by round. */
  steps: z.array(z.array(z.number())),
});

export type ColdStartResult = z.infer<typeof resultSchema>;
