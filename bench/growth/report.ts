/** The section of docs/performance.md. @module */

import type { Headline } from "../benchmark.ts";
import { count, figure, table, verdict } from "../markdown.ts";
import { reportScans } from "./report_scans.ts";
import { reportStorage } from "./report_storage.ts";
import type { DatabaseSize, Growth, StatementFigures } from "./result.ts";
import { GOAL_SESSIONS, HEAVY_USER_SESSIONS } from "./sizes.ts";
import { definitionOf } from "./statements.ts";

/** From the smallest size to the one that the goals speak of. */
const GOAL = 1.5;

export function report(result: Growth): string {
  return [
    hotText(result),
    hotTable(result),
    onceText(),
    onceTable(result),
    pagesText(),
    pagesTable(result),
    reportScans(result),
    reportStorage(result),
  ].join("\n\n");
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

function hotOf({ statements }: Growth): StatementFigures[] {
  return statements.filter(({ statement }) => definitionOf(statement).hot);
}

function nameOf({ statement }: StatementFigures): string {
  return definitionOf(statement).name;
}

function isJudged({ databases }: Growth): boolean {
  return databases.some(({ sessions }) => sessions === GOAL_SESSIONS);
}

function goalText(result: Growth): string {
  if (!isJudged(result)) return `not judged below ${count(GOAL_SESSIONS)} sessions`;
  const hot = hotOf(result);
  const missed = hot.filter((one) => growthOf(one, result.databases) > GOAL);
  if (missed.length === 0) return `met by all ${hot.length}`;
  return `missed by ${missed.length} of ${hot.length}: ${missed.map(nameOf).join(", ")}`;
}

function sizeColumns({ databases }: Growth): string[] {
  return databases.map(({ sessions }) => `${count(sessions)} sessions`);
}

function timeCells(one: StatementFigures, { databases }: Growth): string[] {
  return [
    nameOf(one),
    ...one.ms.map(({ median, p99 }) => `${figure(median)} (${figure(p99)})`),
    `${growthOf(one, databases).toFixed(2)} ×`,
  ];
}

function hotText(result: Growth): string {
  const { statements, sharedBuffers, work } = result;
  return `Milliseconds in the server, median (99th percentile) of ${
    statements[0]?.ms[0]?.count ?? 0
  } samples, for databases in which 1 % of the sessions have expired and 1 % wait in the queue. The sizes take turns, every
sample is a transaction that is rolled back, and all data is in memory (\`shared_buffers\` ${sharedBuffers}). The statements are
PostgREST's, with the roles, claims and arguments of a real request; batches hold ${
    work[0]?.batch ?? NaN
  } sessions, so that each size has as much to do. A long list has ${
    figure(HEAVY_USER_SESSIONS)
  } sessions.

Goal: no hot statement grows by more than ${GOAL} ×: ${goalText(result)}.`;
}

function hotTable(result: Growth): string {
  return table(
    ["For every message, session or batch", ...sizeColumns(result), "Growth"],
    hotOf(result).map((one) => timeCells(one, result)),
  );
}

function onceText(): string {
  return `What runs once per run of the cleanup, or when somebody looks, counts what is due. Its cost depends on that, not on
the number of sessions, and is therefore also given per session that is due. A step after a change of \`session_ttl\`
restamps the same number of sessions whatever is due.`;
}

function onceTable(result: Growth): string {
  const hot = hotOf(result);
  return table(
    ["Once in a run", ...sizeColumns(result), "Growth", "µs per session due"],
    result.statements.filter((one) => !hot.includes(one)).map((one) => [
      ...timeCells(one, result),
      one.statement === "restampStep" ? "" : figure(1000 * slopeOf(one, result.databases)),
    ]),
  );
}

function pagesText(): string {
  return `Pages that one attempt reads or writes, counted each time: a figure without noise.`;
}

function pagesTable(result: Growth): string {
  return table(
    ["Pages", ...sizeColumns(result)],
    result.statements.map((one) => [nameOf(one), ...one.pages.map(figure)]),
  );
}

export function headlines(result: Growth): Headline[] {
  const { databases } = result;
  const hot = hotOf(result);
  const most = Math.max(...hot.map((one) => growthOf(one, databases)));
  const sizes = databases.map(({ sessions }) => sessions).filter((size) => size <= GOAL_SESSIONS);
  return [{
    what: `Growth, ${count(sizes[0] ?? 0)} to ${count(sizes.at(-1) ?? 0)} sessions`,
    measured: `${most.toFixed(2)} × at most`,
    comparison: `${hot.length} statements that run per message, session or batch`,
    goal: `at most ${GOAL} ×: ${isJudged(result) ? verdict(most <= GOAL) : "not judged"}`,
  }];
}
