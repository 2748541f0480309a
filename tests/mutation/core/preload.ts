/**
 * Loaded before tests of instrumented code: breaks off a mutant that goes round in circles, and writes the ids of the mutants
 * that the tests passed to `MUTATION_COVERAGE`.
 *
 * @module
 */

import { z } from "zod";

/** How often the mutant that is on may be passed; far more than any test needs. */
const HIT_LIMIT = 1_000_000;

const coverage = z.record(z.string(), z.number());
const recorded = z.object({
  __stryker__: z.object({ mutantCoverage: z.object({ static: coverage }) }),
});

// What Stryker's switches look at.
Object.assign(globalThis, { __stryker__: { hitCount: 0, hitLimit: HIT_LIMIT } });

globalThis.addEventListener("unload", () => {
  const file = Deno.env.get("MUTATION_COVERAGE");
  const { success, data } = recorded.safeParse(globalThis);
  if (file === undefined || !success) return;
  Deno.writeTextFileSync(file, JSON.stringify(Object.keys(data.__stryker__.mutantCoverage.static)));
});
