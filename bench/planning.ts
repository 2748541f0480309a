/**
 * The last section of docs/performance.md: what is first in the way when a project grows past what was measured. Every figure
 * is computed from the measurements, and assumes that what was seen goes on in a straight line.
 *
 * @module
 */

import { PAGE_SIZE } from "../supabase/functions/_acontext_sessions/core/resources.ts";
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
/** The default of `max_per_run`. */
const DEFAULT_PER_RUN = 2_000;
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

  const perRun = Math.min(CPU_LIMIT_MS / cpuMs, DEFAULT_PER_RUN);
  /** Seconds a day, or for a reconcile seconds a week. */
  const seconds = (sessions: number) => ({
    remote: sessions / TTL_DAYS / (speed * DEFAULT_WORKERS),
    database: sessions / TTL_DAYS / databaseSpeed,
    // Sessions and disks are two lists.
    reconcile: 2 * sessions / PAGE_SIZE * LATENCY_MS / 1000,
  });
  const firstBottleneck = (sessions: number) => {
    const { remote, database, reconcile } = seconds(sessions);
    const most = Math.max(remote, database, reconcile);
    if (most === reconcile) return `the reading of a reconcile (${duration(reconcile)})`;
    return most === remote
      ? `the wait for Acontext's deletes (${duration(remote)} a day)`
      : `the database (${duration(database)} a day)`;
  };
  const rows = SIZES.map((sessions) => {
    const perDay = sessions / TTL_DAYS;
    const { remote, database: inDatabase, reconcile } = seconds(sessions);
    return [
      count(sessions),
      figure(perDay),
      duration(remote),
      figure(perDay / perRun),
      duration(inDatabase),
      figure(perDay * walBytes / 2 ** 30),
      figure(sessions * bytes / 2 ** 30),
      duration(reconcile),
    ];
  });

  return `Computed from the measurements above, for sessions that live ${TTL_DAYS} days and an Acontext that takes ${LATENCY_MS} ms for a
call, as if what was seen went on in a straight line and workers did not hinder each other. The slopes are: ${
    figure(speed)
  } deleted sessions a second for each worker, ${figure(cpuMs)} ms of CPU for each of them in
the worker and ${figure(1000 / databaseSpeed)} ms in the database, ${
    figure(walBytes)
  } bytes of WAL, ${figure(bytes)} bytes of tables and indexes for
each session, ${figure(1000 * dueSlope)} µs for each session that is due when a run begins.

${
    table([
      "Sessions",
      "deleted a day",
      `takes ${DEFAULT_WORKERS} workers`,
      "runs",
      "takes the database",
      "WAL, GiB a day",
      "tables, GiB",
      "a reconcile reads",
    ], rows)
  }

- **Where one worker ends.** The nearer Acontext is, the more of the time is the database's. When Acontext takes no time,
  a sweep deletes ${
    figure(drainSpeed(drain, 0))
  } sessions a second, and the database alone, asked by one client in small batches, lets
  ${
    figure(databaseSpeed)
  } go: leases, steps that outlive a crash and receipts are rows to write, and are what a queue that
  writes fewer is ahead by there.
- **What comes first at 1 M sessions** is what takes longest in its row: ${
    firstBottleneck(1_000_000)
  }. \`concurrency\` and \`max_workers\` raise the speed of the deletions as far as Acontext allows.
- **At 100 M sessions** it is ${
    firstBottleneck(100_000_000)
  }. A reconcile reads Acontext's lists from one end to the other, and
  each page names the next, so nothing makes it faster but a faster Acontext; its runs follow one another until it is
  through, and until then a leak by a late effect is not found. Deletions still fit into a day when they go on through the
  day: let \`cleanup_schedule\` run every hour.
- **Memory.** A statement touches a few pages of each index (see the growth above), so what decides is the share of the
  indexes that is in memory: the column of tables against that of the instance. All figures above were measured with all
  of it in memory and without a wait for the disk.
- **The breaker counts what is due.** Its check takes ${
    figure(1000 * dueSlope)
  } µs for each session that is due at once and has the ${STATEMENT_LIMIT_MS / 1000} s of
  a statement. That would be ${
    count(Math.round(dueLimit))
  } sessions due at once, far beyond what was measured (${
    count(database.due)
  } due); whoever changes \`session_ttl\` so that so many expire together should do it in steps.
- **One project is one database.** A batch holds sessions of many users, but none of another project, so beyond one
  instance the way is more projects, each with its users and a \`SESSION_NAMESPACE\` of its own. They can share one Acontext
  project; reconcile then reads the resources of all of them.
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
