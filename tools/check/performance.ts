/**
 * Does docs/performance.md say what was measured.
 *
 * @module
 */

import { PAGE, performancePage } from "../../bench/performance_page.ts";
import { format } from "../format.ts";
import type { Report } from "./report.ts";

export async function checkPerformance(report: Report, { fix }: { fix: boolean }): Promise<void> {
  const wanted = await format(await performancePage(), "md");
  const fresh = await Deno.readTextFile(PAGE).catch(() => "") === wanted;
  if (!fresh && fix) await Deno.writeTextFile(PAGE, wanted);
  report.add(
    "docs/performance.md is fresh",
    fresh || fix ? null : "it is stale: run `npm run check -- --fix`",
  );
}
