/** What this benchmark gives back. @module */

import { z } from "zod";
import { median, summarise, summarySchema } from "../statistics.ts";
import type { Boot } from "./boot.ts";
import { type Bundle, bundleSchema } from "./bundle.ts";

/** A function as it is deployed, and as it stands in the sources. */
export const FORMS = ["bundle", "sources"] as const;
export type Form = typeof FORMS[number];

/** Milliseconds. */
const startsSchema = z.object({
  /** To load the function and all that it needs. */
  load: summarySchema,
  /** From the start of the process until it listens. */
  listening: summarySchema,
  /** Of its first request, and of those after it. */
  first: summarySchema,
  later: summarySchema,
});

export const resultSchema = z.object({
  functions: z.record(
    z.string(),
    z.object({ size: bundleSchema, bundle: startsSchema, sources: startsSchema }),
  ),
  /** Until a function without imports listens. */
  emptyListening: summarySchema,
  /** Milliseconds that each package adds to the sources, then the rest; medians. */
  steps: z.array(z.number()),
});

export type ColdStartResult = z.infer<typeof resultSchema>;

/** Of one function in one form. */
interface StartSamples {
  loads: number[];
  boots: Boot[];
}

export interface Samples {
  functions: Record<string, { size: Bundle } & Record<Form, StartSamples>>;
  empty: Boot[];
  /** By round. */
  steps: number[][];
}

export function aggregate({ functions, empty, steps }: Samples): ColdStartResult {
  return {
    functions: Object.fromEntries(
      Object.entries(functions).map(([name, { size, bundle, sources }]) => [
        name,
        { size, bundle: summariseStarts(bundle), sources: summariseStarts(sources) },
      ]),
    ),
    emptyListening: summarise(empty.map(({ listening }) => listening)),
    steps: (steps[0] ?? []).map((_, index) => median(steps.map((step) => step[index] ?? 0))),
  };
}

function summariseStarts({ loads, boots }: StartSamples) {
  return {
    load: summarise(loads),
    listening: summarise(boots.map(({ listening }) => listening)),
    first: summarise(boots.map(({ first }) => first)),
    later: summarise(boots.flatMap(({ later }) => later)),
  };
}
