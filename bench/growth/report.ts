/** What is said about the result. @module */

import { count, figure, table } from "../markdown.ts";
import { reportScans } from "./report_scans.ts";
import { reportStorage } from "./report_storage.ts";
import type { DatabaseSize, Growth, StatementFigures } from "./result.ts";
import { GOAL_SESSIONS, HEAVY_USER_SESSIONS } from "./sizes.ts";
import { definitionOf } from "./statements.ts";

/** From the smallest size to that which the goals speak of. */
const GOAL = 1.5;

export function report(result: Growth): string {
  return [statements(result), reportScans(result), reportStorage(result)].join("\n\n");
}

function verdict(hot: StatementFigures[], databases: DatabaseSize[]): string {
  if (!databases.some(({ sessions }) => sessions === GOAL_SESSIONS)) {
    return `not judged below ${count(GOAL_SESSIONS)} sessions`;
  }
  const missed = hot.filter((one) => growthOf(one, databases) > GOAL);
  if (missed.length === 0) return `met by all ${hot.length}`;
  return `missed by ${missed.length} of ${hot.length}: ${
    missed.map(({ statement }) => definitionOf(statement).name).join(", ")
  }`;
}

/** Milliseconds that a statement takes longer for each session more that is due. */
export function slopeOf({ ms }: StatementFigures, databases: DatabaseSize[]): number {
  const [fewest, most] = [databases[0]?.due, databases.at(-1)?.due];
  const [first, last] = [ms[0], ms.at(-1)];
  if (fewest === undefined || most === undefined || !first || !last) return NaN;
  return (last.median - first.median) / (most - fewest);
}

/** The growth of a median, to the largest size that the goal speaks of. */
function growthOf({ ms }: StatementFigures, databases: DatabaseSize[]): number {
  const judged = databases.filter(({ sessions }) => sessions <= GOAL_SESSIONS).length;
  const [first, last] = [ms[0], ms[Math.max(0, judged - 1)]];
  return first === undefined || last === undefined ? NaN : last.median / first.median;
}

function statements({ databases, statements: all, sharedBuffers, work }: Growth): string {
  const row = (one: StatementFigures) => [
    definitionOf(one.statement).name,
    ...one.ms.map(({ median, p99 }) => `${figure(median)} (${figure(p99)})`),
    `${growthOf(one, databases).toFixed(2)} ×`,
    one.pages.map(figure).join(" → "),
  ];
  const sizes = databases.map(({ sessions }) => `${count(sessions)} sessions`);
  const columns = [...sizes, "Growth", "Pages"];
  const hot = all.filter(({ statement }) => definitionOf(statement).hot);
  const samples = all[0]?.ms[0]?.count ?? 0;
  return `Milliseconds in the server, median (99th percentile) of ${samples} samples, for databases in which 1 % of the
sessions have expired and 1 % wait in the queue. Sizes take turns, every sample is a transaction that is rolled back,
and all data is in memory (\`shared_buffers\` ${sharedBuffers}). The statements are those of PostgREST, with the roles, claims
and arguments of a real request; batches are of ${
    work[0]?.batch ?? NaN
  }, so that each size has as much to do. A long list has ${figure(HEAVY_USER_SESSIONS)} sessions.

Goal: growth of each hot statement of at most ${GOAL} ×: ${verdict(hot, databases)}.

${table(["For every message, session or batch", ...columns], hot.map(row))}

Pages are those that one attempt reads or writes, each time counted: a figure without noise. What
runs once in a run of the cleanup, or when somebody looks, counts what is due: its cost follows that, not the number of
sessions, and is given for each session more that is due. A step after a change of \`session_ttl\` restamps as many
sessions whatever is due.

${
    table(
      ["Once in a run", ...columns, "µs per session due"],
      all.filter((one) => !hot.includes(one)).map((one) => [
        ...row(one),
        one.statement === "restampStep" ? "" : figure(1000 * slopeOf(one, databases)),
      ]),
    )
  }`;
}
