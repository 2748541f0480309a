/**
 * All checks, in the order in which their findings are worth reading.
 *
 * @module
 */

import { checkContract } from "./contract.ts";
import { checkDatabase } from "./database.ts";
import { checkDeadExports } from "./dead_exports.ts";
import { checkImportMaps } from "./import_maps.ts";
import { checkPerformance } from "./performance.ts";
import type { Report } from "./report.ts";
import { checkSource } from "./source.ts";

/** `fix` formats and regenerates what is generated. */
export async function runChecks(report: Report, options: { fix: boolean }): Promise<void> {
  await checkSource(report, options);
  await checkImportMaps(report);
  await checkDeadExports(report);
  await checkContract(report, options);
  await checkPerformance(report, options);
  await checkDatabase(report, options);
}
