/**
 * The last section of docs/performance.md: which limit a project meets first when it grows past what was measured. Every
 * figure is computed from the measurements and assumes linear growth.
 *
 * @module
 */

import { PAGE_SIZE } from "../supabase/functions/_acontext_sessions/core/resources.ts";
import type { CpuResult } from "./cpu/result.ts";
import { DEFAULT_WORKERS, drainSpeed } from "./drain/report.ts";
import type { DrainResult } from "./drain/result.ts";
import { slopeOf } from "./growth/report.ts";
import type { Growth } from "./growth/result.ts";
import { count, figure, table } from "./markdown.ts";

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

export function planning(measured: Measured): string {
  const slopes = slopesOf(measured);
  return [introduction(slopes), sizeTable(slopes), limits(slopes)].join("\n\n");
}

interface Slopes {
  /** Sessions a second that one worker deletes when Acontext takes {@link LATENCY_MS}, and when it takes no time. */
  workerSpeed: number;
  workerSpeedAtOnce: number;
  /** Of the worker, for each session deleted by a process that has just started. */
  cpuMs: number;
  /** Sessions a second that the database alone can delete. */
  databaseSpeed: number;
  walBytes: number;
  /** Of tables and indexes, for each session. */
  storedBytes: number;
  /** Milliseconds that the limit on mass expiry takes longer for each session that is due. */
  dueMs: number;
  /** The most that was measured. */
  mostDue: number;
}

function slopesOf({ drain, cpu, growth }: Measured): Slopes {
  const largest = growth.databases.at(-1);
  const single = growth.work.filter(({ workers }) => workers === 1).at(-1);
  const limit = growth.statements.find(({ statement }) => statement === "expiryLimit");
  if (largest === undefined || single === undefined || limit === undefined) {
    throw new Error("Cannot plan: the growth was not measured in full");
  }
  const bytes = growth.relations.reduce((sum, relation) => sum + relation.bytes, 0);
  return {
    workerSpeed: drainSpeed(drain, LATENCY_MS),
    workerSpeedAtOnce: drainSpeed(drain, 0),
    cpuMs: cpu.sweep.first.median,
    databaseSpeed: single.deleted / single.seconds,
    walBytes: single.walBytes / single.deleted,
    storedBytes: bytes / largest.sessions,
    dueMs: Math.max(0, slopeOf(limit, growth.databases)),
    mostDue: largest.due,
  };
}

/** Seconds a day that deletions take, and seconds that a reconcile takes. */
function secondsOf(sessions: number, { workerSpeed, databaseSpeed }: Slopes) {
  return {
    remote: sessions / TTL_DAYS / (workerSpeed * DEFAULT_WORKERS),
    database: sessions / TTL_DAYS / databaseSpeed,
    // Sessions and disks are two lists.
    reconcile: 2 * sessions / PAGE_SIZE * LATENCY_MS / 1000,
  };
}

function firstBottleneck(sessions: number, slopes: Slopes): string {
  const { remote, database, reconcile } = secondsOf(sessions, slopes);
  const most = Math.max(remote, database, reconcile);
  if (most === reconcile) return `the reading of a reconcile (${duration(reconcile)})`;
  return most === remote
    ? `waiting for Acontext's deletes (${duration(remote)} a day)`
    : `the database (${duration(database)} a day)`;
}

function introduction(
  { workerSpeed, cpuMs, databaseSpeed, walBytes, storedBytes, dueMs }: Slopes,
): string {
  return `Computed from the measurements above, for sessions that live ${TTL_DAYS} days and an Acontext that takes ${LATENCY_MS} ms
per call, assuming that everything grows linearly and that workers do not hinder each other. One worker deletes ${
    figure(workerSpeed)
  } sessions a second. Each deletion costs ${figure(cpuMs)} ms of CPU in the worker, ${
    figure(1000 / databaseSpeed)
  } ms in the database and ${figure(walBytes)} bytes of WAL. Each session takes ${
    figure(storedBytes)
  } bytes of tables and indexes, and each session that is due when a run begins adds ${
    figure(1000 * dueMs)
  } µs to its start.`;
}

function sizeTable(slopes: Slopes): string {
  const { cpuMs, walBytes, storedBytes } = slopes;
  const perRun = Math.min(CPU_LIMIT_MS / cpuMs, DEFAULT_PER_RUN);
  return table(
    [
      "Sessions",
      "deleted a day",
      `takes ${DEFAULT_WORKERS} workers`,
      "runs",
      "takes the database",
      "WAL, GiB a day",
      "tables, GiB",
      "a reconcile reads",
    ],
    SIZES.map((sessions) => {
      const perDay = sessions / TTL_DAYS;
      const { remote, database, reconcile } = secondsOf(sessions, slopes);
      return [
        count(sessions),
        figure(perDay),
        duration(remote),
        figure(perDay / perRun),
        duration(database),
        figure(perDay * walBytes / 2 ** 30),
        figure(sessions * storedBytes / 2 ** 30),
        duration(reconcile),
      ];
    }),
  );
}

function limits(slopes: Slopes): string {
  const { workerSpeedAtOnce, databaseSpeed, dueMs, mostDue } = slopes;
  return `- **The limit of one worker.** The faster Acontext is, the more of the time is the database's. When Acontext takes no
  time, a sweep deletes ${
    figure(workerSpeedAtOnce)
  } sessions a second; the database alone, with one client and small batches, can delete ${
    figure(databaseSpeed)
  }. Leases, steps that survive a crash and receipts are rows to write, and a queue that writes fewer rows is faster there.
- **The first limit at 1 M sessions** is the longest time in that row: ${
    firstBottleneck(1_000_000, slopes)
  }. \`concurrency\` and \`max_workers\` speed up deletions as far as Acontext allows.
- **At 100 M sessions** it is ${
    firstBottleneck(100_000_000, slopes)
  }. A reconcile reads Acontext's lists from one end to the other, and each page names the next, so only a faster Acontext
  makes it faster. Its runs follow one another until it is through; until then a leak caused by a late effect is not found.
  Deletions still fit into a day when they are spread over it: let \`cleanup_schedule\` run every hour.
- **Memory.** A statement touches a few pages of each index (see Growth), so what matters is how much of the indexes is in
  memory: compare the column of tables with the memory of the instance. Everything above was measured with all data in
  memory and without waiting for the disk.
- **The limit on mass expiry counts what is due.** Its check takes ${
    figure(1000 * dueMs)
  } µs for each session that is due at the same time, and a statement may take ${
    STATEMENT_LIMIT_MS / 1000
  } s. That is enough for ${
    count(Math.round(STATEMENT_LIMIT_MS / dueMs))
  } sessions, far more than were measured (${
    count(mostDue)
  } due). If a change of \`session_ttl\` would make that many expire together, make it in steps.
- **One project is one database.** A batch holds sessions of many users, but of one project only. Beyond one instance, use
  more projects, each with its own users and its own \`SESSION_NAMESPACE\`. They can share an Acontext project; each
  reconcile then reads the resources of all of them.
`;
}

function duration(seconds: number): string {
  if (seconds < 90) return `${figure(seconds)} s`;
  if (seconds < 5_400) return `${figure(seconds / 60)} min`;
  return `${figure(seconds / 3_600)} h`;
}
