/** Loaded before tests of instrumented code: writes the ids of the mutants that they passed to `MUTATION_COVERAGE`. @module */

import { z } from "zod";

const coverage = z.record(z.string(), z.number());
const recorded = z.object({
  __stryker__: z.object({ mutantCoverage: z.object({ static: coverage }) }),
});

globalThis.addEventListener("unload", () => {
  const file = Deno.env.get("MUTATION_COVERAGE");
  const { success, data } = recorded.safeParse(globalThis);
  if (file === undefined || !success) return;
  Deno.writeTextFileSync(file, JSON.stringify(Object.keys(data.__stryker__.mutantCoverage.static)));
});
