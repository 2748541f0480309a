/** What is said about plans: where a table that grows is read by a sequential scan. @module */

import { count, figure, table } from "../markdown.ts";
import { GROWING } from "./plans.ts";
import type { Growth } from "./schema.ts";
import { GOAL_SESSIONS } from "./sizes.ts";

interface Scan {
  statement: string;
  relation: string;
  /** Read by one scan. */
  rows: number;
  pages: number;
}

export function reportScans(result: Growth): string {
  const largest = result.sessions.at(-1) ?? 0;
  const found = scansOf(result, largest);
  const looked = result.plans.filter(({ sessions }) => sessions === largest).length;
  const hot = new Set(result.statements.filter((one) => one.hot).map(({ name }) => name));
  // A table that fits into one page is read whole rather than by an index of more pages.
  const wrong = found.filter(({ statement, pages }) => hot.has(statement) && pages > 1);
  const goal = largest < GOAL_SESSIONS
    ? `not judged below ${count(GOAL_SESSIONS)} sessions`
    : wrong.length === 0
    ? "met: what they scan fits into one page, which no index makes shorter"
    : `missed by ${[...new Set(wrong.map(({ statement }) => statement))].join(", ")}`;
  return `PostgreSQL itself tells the plans of all that runs inside the functions (\`auto_explain\`), on a new connection and on one
that has settled for its plans: ${looked} at ${
    count(largest)
  } sessions, kept in the result with the pages they read.

Goal: no sequential scan of a table that grows, in any hot statement: ${goal}.${
    found.length === 0 ? "" : `\n\n${
      table(
        ["Sequential scan in", "Table", "Rows", "Pages"],
        found.map(({ statement, relation, rows, pages }) => [
          statement,
          `\`${relation}\``,
          figure(rows),
          figure(pages),
        ]),
      )
    }`
  }`;
}

/** The longest of each table in each statement. */
function scansOf({ plans }: Growth, sessions: number): Scan[] {
  const scans = new Map<string, Scan>();
  for (const { statement, nodes, times } of plans.filter((plan) => plan.sessions === sessions)) {
    for (const { node, relation, rows, removed = 0, hit, read } of nodes) {
      if (node !== "Seq Scan" || relation === undefined || !GROWING.includes(relation)) continue;
      const scan = {
        statement,
        relation,
        rows: (rows + removed) / times,
        pages: (hit + read) / times,
      };
      const key = `${statement} ${relation}`;
      if (scan.rows >= (scans.get(key)?.rows ?? 0)) scans.set(key, scan);
    }
  }
  return [...scans.values()];
}
