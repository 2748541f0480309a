/** What this benchmark gives back. @module */

import { z } from "zod";
import { summarySchema } from "../statistics.ts";
import { bundleSchema } from "./bundle.ts";

/** A function as it is deployed, and as it stands in the sources. */
export const FORMS = ["bundle", "sources"] as const;
export type Form = typeof FORMS[number];

/** Milliseconds, explained in boot.ts. */
const bootsSchema = z.object({
  listening: summarySchema,
  first: summarySchema,
  later: summarySchema,
});

const startsSchema = z.object({
  /** Milliseconds to load the function and all that it needs. */
  loaded: summarySchema,
  ...bootsSchema.shape,
});

export const resultSchema = z.object({
  functions: z.record(
    z.string(),
    z.object({ size: bundleSchema, bundle: startsSchema, sources: startsSchema }),
  ),
  /** A function without imports. */
  empty: bootsSchema,
  /** Milliseconds that each package adds to the sources, then our own modules, in the order of their imports. */
  steps: z.array(z.object({ name: z.string(), time: summarySchema })),
});

export type ColdStartResult = z.infer<typeof resultSchema>;
export type Starts = z.infer<typeof startsSchema>;
