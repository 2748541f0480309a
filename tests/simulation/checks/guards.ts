/** SQL that would lose remote ids is refused; SQL that has to work does. @module */

import type { Transaction, World } from "../world.ts";
import type { Check } from "./check.ts";

const MUST_WORK = new Set([
  "erase user",
  "use",
  "pin",
  "operator: delete row",
  "operator: delete all rows",
  "cron: nightly",
  "cron: retry",
  "cron: reconcile",
  "cron: purge",
]);
const MUST_FAIL = new Set(["operator: truncate rows", "operator: truncate queue"]);

export class Guards implements Check {
  constructor(readonly world: World) {}

  transaction({ name, result }: Transaction): void {
    if (result.error !== null && MUST_WORK.has(name)) {
      this.world.report("stuck", "guards", `${name} failed with ${result.error.code}`);
    }
    if (result.error === null && MUST_FAIL.has(name)) {
      this.world.report("leak", "guards", `${name} was not refused`);
    }
  }
}
