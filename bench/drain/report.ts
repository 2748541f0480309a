/** The section of docs/performance.md. @module */

import type { Headline } from "../benchmark.ts";
import { figure, percent, table, verdict } from "../markdown.ts";
import { CONTENDER_NAMES, type ContenderKey, type DrainResult, QUEUES } from "./result.ts";

/** The default of `max_workers`. */
export const DEFAULT_WORKERS = 4;

const GOAL_LATENCY = 25;
const GOAL_EFFICIENCY = 0.9;
const GOAL_TIMES_NAIVE = 25;

type Drains = DrainResult["drains"][number];

/** Sessions a second that one worker of this project deletes. */
export function drainSpeed(result: DrainResult, latency: number): number {
  return of(result, "ours", latency).speed.median;
}

/** How many times as fast as this contender the project is. */
function against(result: DrainResult, contender: ContenderKey, latency: number): number {
  return drainSpeed(result, latency) / of(result, contender, latency).speed.median;
}

/** The speed of one drain differs from that of the next; slower is what lies below most of the other's. */
function isSlower(result: DrainResult, contender: ContenderKey, latency: number): boolean {
  return drainSpeed(result, latency) < of(result, contender, latency).speed.p25;
}

function of({ drains }: DrainResult, contender: ContenderKey, latency: number): Drains {
  const found = drains.find((one) => one.contender === contender && one.latency === latency);
  if (found === undefined) throw new Error(`Cannot report "${contender}" at ${latency} ms`);
  return found;
}

export function report(result: DrainResult): string {
  const latencies = [...new Set(result.drains.map(({ latency }) => latency))];
  const tables = latencies.map((latency) => speedTable(result, latency));
  const goals = latencies.flatMap((latency) => goalsAt(result, latency));
  return [...tables, goals.map((goal) => `- Goal: ${goal}`).join("\n"), howText(result)]
    .join("\n\n");
}

function speedTable(result: DrainResult, latency: number): string {
  return table(
    [
      `Acontext takes ${latency} ms`,
      "sessions/s",
      "this project is",
      "efficiency",
      "worker CPU per session, ms",
    ],
    result.drains.filter((one) => one.latency === latency).map((
      { contender, speed, efficiency, cpuMs },
    ) => [
      CONTENDER_NAMES[contender],
      figure(speed.median),
      contender === "ours" ? "" : `${figure(against(result, contender, latency))} ×`,
      latency === 0 || contender === "naive" ? "" : percent(efficiency),
      figure(cpuMs),
    ]),
  );
}

function goalsAt(result: DrainResult, latency: number): string[] {
  const slower = QUEUES.some((queue) => isSlower(result, queue, latency));
  const ratios = QUEUES.map((queue) =>
    `${CONTENDER_NAMES[queue]} ${figure(against(result, queue, latency))} ×`
  ).join(", ");
  const queues = `at ${latency} ms not slower than the queues: ${verdict(!slower)} (${ratios})`;
  if (latency !== GOAL_LATENCY) return [queues];
  const efficiency = of(result, "ours", latency).efficiency;
  const bare = of(result, "bare", latency).efficiency;
  const naive = against(result, "naive", latency);
  return [
    queues,
    `at ${latency} ms at least ${percent(GOAL_EFFICIENCY)} efficient: ${
      verdict(efficiency >= GOAL_EFFICIENCY)
    } (${percent(efficiency)}; the deletes alone reach ${percent(bare)})`,
    `at ${latency} ms at least ${GOAL_TIMES_NAIVE} times the naive loop: ${
      verdict(naive >= GOAL_TIMES_NAIVE)
    } (${figure(naive)} ×)`,
  ];
}

function howText({ drains, concurrency }: DrainResult): string {
  return `Medians of ${
    drains[0]?.speed.count ?? 0
  } drains each, in turns, with ${concurrency} sessions at a time and everything on one machine: the worker, the database,
and a service that implements Acontext's deletes. That service delays its answers so that a call made alone takes the time
in the heading. A contender is *slower* when its median is below the lower quartile of the other. *Efficiency* is the ideal
time (sessions × the time of a call made alone ÷ sessions at a time; both deletes of a session run in parallel) divided by
the measured time. *The deletes alone* are fetches without a database: what they lack to 100 % is what so many calls at once
cost on this machine.

Every contender starts with expired rows and ends with none. The naive loop selects the expired rows and deletes session,
disk and row one after the other, through supabase-js. The queues enqueue a job for each expired row with one statement; a
job deletes session and disk in parallel, then the row (pg-boss: the rows of a batch at once). They use direct connections
to the database and the settings that their documentation recommends for throughput, and their workers are running before
the clock starts. *Jobs alone* are the same queues when the jobs are there already and the rows stay (the start of
graphile-worker's runner is counted there, because it begins to work at once). This project's sweep does more: it leases
each session, records every step in the database so that a crash loses nothing, and writes a receipt of how each resource
was proven gone. The less time Acontext takes, the more of the total is the database's.
`;
}

export function headlines(result: DrainResult): Headline[] {
  const latencies = new Set(result.drains.map(({ latency }) => latency));
  return [GOAL_LATENCY, 0].filter((latency) => latencies.has(latency)).map((latency) => {
    const slower = QUEUES.some((queue) => isSlower(result, queue, latency));
    const ratios = (["naive", ...QUEUES] as const).map((contender) =>
      `${figure(against(result, contender, latency))} × ${CONTENDER_NAMES[contender]}`
    );
    return {
      what: `Backlog, Acontext at ${latency} ms`,
      measured: `${figure(drainSpeed(result, latency))} sessions/s`,
      comparison: ratios.join(", "),
      goal: `as fast as the queues: ${verdict(!slower)}`,
    };
  });
}
