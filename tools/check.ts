/**
 * `npm run check`: everything that can be said about the code without running it. `-- --fix` formats and regenerates.
 *
 * @module
 */

import { runChecks } from "./check/all.ts";
import { reporter } from "./check/report.ts";

if (import.meta.main) {
  const report = reporter();
  await runChecks(report, { fix: Deno.args.includes("--fix") });
  console.log(`${report.passed} passed, ${report.failed} failed`);
  Deno.exit(report.failed === 0 ? 0 : 1);
}
