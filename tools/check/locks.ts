/**
 * The lock files: what runs is what they say, and the functions run with what the tests import.
 *
 * @module
 */

import { disagreement, LOCKS, staleness } from "../locks.ts";
import type { Report } from "./report.ts";

export async function checkLocks(report: Report): Promise<void> {
  for (const lock of LOCKS) report.add(`${lock.file} is fresh`, await staleness(lock));
  report.add("the lock files agree", await disagreement());
}
