/** The part of the section about plans: which growing tables are scanned sequentially. @module */

import { count, figure, table } from "../markdown.ts";
import type { Growth, Scan } from "./result.ts";
import { GOAL_SESSIONS } from "./sizes.ts";
import { definitionOf } from "./statements.ts";

export function reportScans({ databases, plans, scans }: Growth): string {
  const largest = databases.at(-1)?.sessions ?? 0;
  // A table that fits into one page is read whole rather than by an index of more pages.
  const wrong = scans.filter(({ statement, pages }) => definitionOf(statement).hot && pages > 1);
  const goal = largest < GOAL_SESSIONS
    ? `not judged below ${count(GOAL_SESSIONS)} sessions`
    : wrong.length === 0
    ? "met (what they do scan fits into one page, and no index would be shorter)"
    : `missed by ${
      [...new Set(wrong.map(({ statement }) => definitionOf(statement).name))].join(", ")
    }`;
  return [
    `PostgreSQL reports the plans of everything that runs inside the functions (\`auto_explain\`), on a new connection and on
one that has settled on its plans: ${plans} at ${count(largest)} sessions.

Goal: no hot statement reads a growing table by a sequential scan: ${goal}.`,
    ...(scans.length === 0 ? [] : [scanTable(scans)]),
  ].join("\n\n");
}

function scanTable(scans: Scan[]): string {
  return table(
    ["Sequential scan in", "Table", "Rows", "Pages"],
    scans.map(({ statement, relation, rows, pages }) => [
      definitionOf(statement).name,
      `\`${relation}\``,
      figure(rows),
      figure(pages),
    ]),
  );
}
