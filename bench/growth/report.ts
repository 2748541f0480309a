/** What is said about the result. @module */

import { count, figure, table } from "../markdown.ts";
import { median, percentile } from "../statistics.ts";
import { reportScans } from "./report_scans.ts";
import { reportStorage } from "./report_storage.ts";
import { GOAL_SESSIONS } from "./sizes.ts";
import { RESTAMP_STEP } from "./sweep_statements.ts";
import type { DatabaseSize, Growth, Samples } from "./schema.ts";

/** From the smallest size to that which the goals speak of. */
const GOAL = 1.5;

export function report(result: Growth): string {
  return [statements(result), reportScans(result), reportStorage(result)].join("\n\n");
}

function verdict(hot: Samples[], sessions: number[]): string {
  if (!sessions.includes(GOAL_SESSIONS)) return `not judged below ${count(GOAL_SESSIONS)} sessions`;
  const missed = hot.filter((statement) => growthOf(statement, sessions) > GOAL);
  if (missed.length === 0) return `met by all ${hot.length}`;
  return `missed by ${missed.length} of ${hot.length}: ${
    missed.map(({ name }) => name).join(", ")
  }`;
}

/** Microseconds that a statement takes longer for each session more that is due. */
function slopeOf({ ms }: Samples, databases: DatabaseSize[]): number {
  const [fewest, most] = [databases[0]?.due, databases.at(-1)?.due];
  const [first, last] = [ms[0], ms.at(-1)];
  if (fewest === undefined || most === undefined || !first || !last) return NaN;
  return 1000 * (median(last) - median(first)) / (most - fewest);
}

/** The growth of a median, to the largest size that the goal speaks of. */
function growthOf({ ms }: Samples, sessions: number[]): number {
  const [first] = ms;
  const last = ms[Math.max(0, sessions.filter((size) => size <= GOAL_SESSIONS).length - 1)];
  return first === undefined || last === undefined ? NaN : median(last) / median(first);
}

function statements(
  { sessions, statements: all, sharedBuffers, pages, databases, work }: Growth,
): string {
  const pagesOf = (statement: string) =>
    sessions.map((size) =>
      figure(
        pages.find((one) => one.statement === statement && one.sessions === size)?.pages ?? NaN,
      )
    ).join(" → ");
  const row = (statement: Samples) => [
    statement.name,
    ...statement.ms.map((ms) => `${figure(median(ms))} (${figure(percentile(ms, 0.99))})`),
    `${growthOf(statement, sessions).toFixed(2)} ×`,
    pagesOf(statement.name),
  ];
  const columns = [...sessions.map((size) => `${count(size)} sessions`), "Growth", "Pages"];
  const hot = all.filter((statement) => statement.hot);
  const samples = all[0]?.ms[0]?.length ?? 0;
  return `Milliseconds in the server, median (99th percentile) of ${samples} samples, for databases in which 1 % of the
sessions have expired and 1 % wait in the queue. Sizes take turns, every sample is a transaction that is rolled back,
and all data is in memory (\`shared_buffers\` ${sharedBuffers}). The statements are those of PostgREST, with the roles, claims
and arguments of a real request; batches are of ${
    work[0]?.batch ?? NaN
  }, so that each size has as much to do. A long list has 3,000 sessions.

Goal: growth of each hot statement of at most ${GOAL} ×: ${verdict(hot, sessions)}.

${table(["For every message, session or batch", ...columns], hot.map(row))}

Pages are those that one attempt reads or writes, each time counted: a figure without noise. What
runs once in a run of the cleanup, or when somebody looks, counts what is due: its cost follows that, not the number of
sessions, and is given for each session more that is due. A step after a change of \`session_ttl\` restamps as many
sessions whatever is due.

${
    table(
      ["Once in a run", ...columns, "µs per session due"],
      all.filter((one) => !one.hot).map((one) => [
        ...row(one),
        one.name === RESTAMP_STEP ? "" : figure(slopeOf(one, databases)),
      ]),
    )
  }`;
}
