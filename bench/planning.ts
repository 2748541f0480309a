/**
 * The last section of docs/performance.md: what is first in the way when a project grows past what was measured. Every figure
 * is computed from the measurements.
 *
 * @module
 */

import type { CpuResult } from "./cpu/benchmark.ts";
import { DEFAULT_WORKERS, drainSpeed } from "./drain/report.ts";
import type { DrainResult } from "./drain/benchmark.ts";
import type { Growth } from "./growth/schema.ts";
import { count, figure, table } from "./markdown.ts";
import { median } from "./statistics.ts";

export interface Measured {
  drain: DrainResult;
  cpu: CpuResult;
  growth: Growth;
}

const SIZES = [1_000_000, 10_000_000, 100_000_000];
/** A service somewhere else. */
const LATENCY_MS = 100;
/** The default of `session_ttl`: in a steady state each session is deleted once in so many days. */
const TTL_DAYS = 30;
/** Of one list of Acontext. Sessions and disks are two lists. */
const PAGE = 200;
/** Default of the function's CPU time and of PostgREST's statements: Supabase's documented limits. */
const CPU_LIMIT_MS = 2_000;
const STATEMENT_LIMIT_MS = 8_000;

export function planning({ drain, cpu, growth }: Measured): string {
  const speed = drainSpeed(drain, LATENCY_MS);
  const cpuMs = median(cpu.runs.map(({ first }) => first));
  const database = growth.databases.at(-1);
  const single = growth.work.filter(({ workers }) => workers === 1).at(-1);
  const breaker = growth.statements.find(({ name }) => name.includes("breaker"));
  if (database === undefined || single === undefined || breaker === undefined) {
    throw new Error("Cannot plan: the growth was not measured in full");
  }
  const bytes = database.relations.reduce((sum, relation) => sum + relation.bytes, 0) /
    database.sessions;
  const databaseSpeed = single.deleted / single.seconds;
  const walBytes = single.walBytes / single.deleted;
  const dueSlope = slope(breaker.ms, growth);
  const dueLimit = STATEMENT_LIMIT_MS / dueSlope;

  const rows = SIZES.map((sessions) => {
    const perDay = sessions / TTL_DAYS;
    return [
      count(sessions),
      figure(perDay),
      duration(perDay / (speed * DEFAULT_WORKERS)),
      figure(perDay * cpuMs / CPU_LIMIT_MS),
      duration(perDay / databaseSpeed),
      figure(perDay * walBytes / 2 ** 30),
      figure(sessions * bytes / 2 ** 30),
      duration(2 * sessions / PAGE * LATENCY_MS / 1000),
    ];
  });

  return `Computed from the measurements above, for sessions that live ${TTL_DAYS} days and an Acontext that takes ${LATENCY_MS} ms for a
call. The slopes are: ${figure(speed)} deleted sessions a second for each worker, ${
    figure(cpuMs)
  } ms of CPU for each of them in
the worker and ${figure(1000 / databaseSpeed)} ms in the database, ${
    figure(walBytes)
  } bytes of WAL, ${figure(bytes)} bytes of tables and indexes for
each session, ${figure(1000 * dueSlope)} µs for each session that is due when a run begins.

${
    table([
      "Sessions",
      "deleted a day",
      `takes ${DEFAULT_WORKERS} workers`,
      "invocations by CPU time",
      "takes the database",
      "WAL, GiB a day",
      "tables, GiB",
      "a reconcile reads",
    ], rows)
  }

- **At 1 M sessions** the time of Acontext's own deletes comes first: sessions at a time ÷ latency. Nothing else is near a
  limit; \`concurrency\` and \`max_workers\` raise it as far as Acontext allows.
- **The first that grows out of a night is reconcile**, not the deletions: it reads Acontext's lists from one end to the
  other, page by page, since each page names the next. The last column is that reading alone. It goes on from night to
  night at a saved cursor, so a longer reading only means that a leak by a late effect is found later; from some 10 M
  sessions on, \`reconcile_schedule\` should be daily.
- **At 100 M sessions** the database is busy for the time in its column, and its indexes no longer fit into the memory of
  a small instance: what a statement touches is a few pages of each index (see the growth above), so it is the share of
  those in memory that decides. WAL follows deletions and messages; size the disk's throughput by it.
- **The breaker counts what is due.** Its check takes ${
    figure(1000 * dueSlope)
  } µs for each session that is due at once and has the ${STATEMENT_LIMIT_MS / 1000} s of
  a statement: about ${
    count(Math.round(dueLimit))
  } sessions, expiring together. A backlog of that size needs the operator before that,
  because the breaker holds it.
- **One project is one database.** Sessions of different users never meet in a statement, so beyond one instance the way is
  more projects, each with its users and a \`SESSION_NAMESPACE\` of its own. They can share one Acontext project; reconcile
  then reads the resources of all of them.
`;
}

/** Milliseconds more for each session more that is due. */
function slope(ms: number[][], { databases }: Growth): number {
  const [least, most] = [databases[0], databases.at(-1)];
  const [first, last] = [ms[0], ms.at(-1)];
  if (!least || !most || !first || !last || most.due === least.due) {
    throw new Error("Cannot plan: only one size was measured");
  }
  return Math.max(0, median(last) - median(first)) / (most.due - least.due);
}

function duration(seconds: number): string {
  if (seconds < 90) return `${figure(seconds)} s`;
  if (seconds < 5_400) return `${figure(seconds / 60)} min`;
  return `${figure(seconds / 3_600)} h`;
}
