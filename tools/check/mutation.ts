/**
 * Does docs/mutation-testing.md say what the last recorded run of the mutants has shown.
 *
 * @module
 */

import { mutationPage, PAGE } from "../../tests/mutation/page.ts";
import { loadReasons, loadResults } from "../../tests/mutation/results.ts";
import type { Report } from "./report.ts";

export async function checkMutationPage(report: Report, { fix }: { fix: boolean }): Promise<void> {
  const wanted = await mutationPage(await loadResults(), await loadReasons());
  const fresh = await Deno.readTextFile(PAGE).catch(() => "") === wanted;
  if (!fresh && fix) await Deno.writeTextFile(PAGE, wanted);
  report.add(
    "docs/mutation-testing.md is fresh",
    fresh || fix ? null : "it is stale: run `npm run check -- --fix`",
  );
}
