/** What is said about plans: where a table that grows is read by a sequential scan. @module */

import { count, figure, table } from "../markdown.ts";
import type { Growth } from "./result.ts";
import { GOAL_SESSIONS } from "./sizes.ts";
import { definitionOf } from "./statements.ts";

export function reportScans({ databases, plans, scans }: Growth): string {
  const largest = databases.at(-1)?.sessions ?? 0;
  // A table that fits into one page is read whole rather than by an index of more pages.
  const wrong = scans.filter(({ statement, pages }) => definitionOf(statement).hot && pages > 1);
  const goal = largest < GOAL_SESSIONS
    ? `not judged below ${count(GOAL_SESSIONS)} sessions`
    : wrong.length === 0
    ? "met: what they scan fits into one page, which no index makes shorter"
    : `missed by ${
      [...new Set(wrong.map(({ statement }) => definitionOf(statement).name))].join(", ")
    }`;
  return `PostgreSQL itself tells the plans of all that runs inside the functions (\`auto_explain\`), on a new connection and on one
that has settled for its plans: ${plans} at ${count(largest)} sessions.

Goal: no sequential scan of a table that grows, in any hot statement: ${goal}.${
    scans.length === 0 ? "" : `\n\n${
      table(
        ["Sequential scan in", "Table", "Rows", "Pages"],
        scans.map(({ statement, relation, rows, pages }) => [
          definitionOf(statement).name,
          `\`${relation}\``,
          figure(rows),
          figure(pages),
        ]),
      )
    }`
  }`;
}
