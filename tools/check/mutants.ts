/**
 * Does tests/simulation/README.md say what the last run of the mutants has shown.
 *
 * @module
 */

import { GROUPS } from "../../tests/simulation/mutants/all.ts";
import { mutantsPage, PAGE } from "../../tests/simulation/mutants/page.ts";
import { loadResults } from "../../tests/simulation/mutants/results.ts";
import type { Report } from "./report.ts";

export async function checkMutantsPage(report: Report, { fix }: { fix: boolean }): Promise<void> {
  const wanted = await mutantsPage(GROUPS, await loadResults());
  const fresh = await Deno.readTextFile(PAGE).catch(() => "") === wanted;
  if (!fresh && fix) await Deno.writeTextFile(PAGE, wanted);
  report.add(
    "tests/simulation/README.md is fresh",
    fresh || fix ? null : "it is stale: run `npm run check -- --fix`",
  );
}
