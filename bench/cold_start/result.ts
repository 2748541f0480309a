/** What this benchmark gives back. @module */

import { z } from "zod";
import { bootSchema } from "./boot.ts";
import { bundleSchema } from "./bundle.ts";

/** A function as it is deployed, and as it stands in the sources. */
export const FORMS = ["bundle", "sources"] as const;
export type Form = typeof FORMS[number];

const startsSchema = z.object({
  /** Milliseconds to load the function and all that it needs. */
  loads: z.array(z.number()),
  boots: z.array(bootSchema),
});

export const resultSchema = z.object({
  functions: z.record(
    z.string(),
    z.object({ size: bundleSchema, bundle: startsSchema, sources: startsSchema }),
  ),
  /** A function without imports. */
  empty: z.array(bootSchema),
  /** Milliseconds that each package adds to the sources, then the rest; by round. */
  steps: z.array(z.array(z.number())),
});

export type ColdStartResult = z.infer<typeof resultSchema>;
