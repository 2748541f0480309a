/**
 * All checks, in the order in which their findings are worth reading.
 *
 * @module
 */

import { checkContract } from "./contract.ts";
import { checkDatabase } from "./database.ts";
import { checkDeadExports } from "./dead_exports.ts";
import { checkDocs } from "./docs.ts";
import { checkImportMaps } from "./import_maps.ts";
import { checkLayers } from "./layers.ts";
import { checkLocks } from "./locks.ts";
import { checkMutantsPage } from "./mutants.ts";
import { checkMutationPage } from "./mutation.ts";
import { checkPerformance } from "./performance.ts";
import type { Report } from "./report.ts";
import { checkSource } from "./source.ts";

/** `fix` formats and regenerates what is generated. */
export async function runChecks(report: Report, options: { fix: boolean }): Promise<void> {
  await checkSource(report, options);
  await checkImportMaps(report);
  await checkLayers(report);
  await checkLocks(report);
  await checkDeadExports(report);
  await checkContract(report, options);
  await checkMutantsPage(report, options);
  await checkMutationPage(report, options);
  await checkDocs(report);
  await checkPerformance(report, options);
  // Among other things its stack does not start without every function.
  await checkDatabase(report, options).catch((error) => report.add("database", error.message));
}
