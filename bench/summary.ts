/** The most important figures in a table. @module */

import type { Headline } from "./benchmark.ts";
import { table } from "./markdown.ts";

export function summaryTable(headlines: Headline[]): string {
  return table(
    ["Summary", "Measured", "In comparison", "Goal"],
    headlines.map(({ what, measured, comparison, goal }) => [what, measured, comparison, goal]),
  );
}
