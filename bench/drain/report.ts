/** What is said of the drains. @module */

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
  } drains each, in turns (*slower* is a median below the lower quartile of the other), ${concurrency} sessions at a time, all on one machine: the worker, the
database, and a service with Acontext's deletes, which answers each call so much later that a call made alone takes the
time in the heading. *Efficiency* is the ideal time (sessions × the time of a lone call ÷ sessions at a time, the two deletes
of a session side by side) divided by the measured one. *The deletes alone* are fetches without any database: what is
missing there to 100 % is the time that so many calls at once cost on this machine.

From expired rows to none: the naive loop selects what has expired and deletes session, disk and row, one after the
other, through supabase-js. The queues put one job for each expired row with one statement; a job deletes session and disk
side by side, then the row (pg-boss: the rows of a batch at once), on direct connections to the database and with the
settings that their documentation recommends for throughput; their workers have started before the clock does. *Jobs
alone* are the same queues when putting the jobs is not counted and no row is removed (graphile-worker's runner starts
within the time, since it would not wait). This project's sweep does all of it and more: it leases each session, keeps
every step in the database so that a crash loses nothing, and writes a receipt of how each resource was proven gone. The
less time Acontext takes, the more of the time is the database's.
`;
}
