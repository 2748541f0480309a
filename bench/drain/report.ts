/** What is said of the drains. @module */

import { figure, percent, table, verdict } from "../markdown.ts";
import { median, percentile } from "../statistics.ts";
import type { DrainResult } from "./benchmark.ts";
import { BARE, JOBS_ALONE, NAIVE, OURS } from "./contenders.ts";

/** The default of `max_workers`. */
export const DEFAULT_WORKERS = 4;

/** Sessions a second that one worker of this project deletes. */
export function drainSpeed({ samples }: DrainResult, latency: number): number {
  return median(
    samples.filter((sample) => sample.contender === OURS && sample.latency === latency)
      .map(({ sessions, ms }) => 1000 * sessions / ms),
  );
}

export function report({ concurrency, samples }: DrainResult): string {
  const latencies = [...new Set(samples.map(({ latency }) => latency))];
  const contenders = [...new Set(samples.map(({ contender }) => contender))];
  const queues = contenders.filter((name) =>
    ![OURS, NAIVE, BARE].includes(name) && !name.endsWith(JOBS_ALONE)
  );

  type Sample = DrainResult["samples"][number];
  const each = (contender: string, latency: number, of: (sample: Sample) => number) =>
    samples.filter((s) => s.contender === contender && s.latency === latency).map(of);
  const middle = (contender: string, latency: number, of: (sample: Sample) => number) =>
    median(each(contender, latency, of));
  const perSecond = ({ sessions, ms }: Sample) => 1000 * sessions / ms;
  const speed = (contender: string, latency: number) => middle(contender, latency, perSecond);
  const lowerSpeed = (contender: string, latency: number) =>
    percentile(each(contender, latency, perSecond), 0.25);
  const cpu = (contender: string, latency: number) =>
    middle(contender, latency, ({ sessions, cpuMs }) => cpuMs / sessions);
  const efficiency = (contender: string, latency: number) =>
    middle(contender, latency, ({ sessions, ms, lone }) => sessions * lone / concurrency / ms);

  const tables = latencies.map((latency) =>
    table(
      [
        `Acontext takes ${latency} ms`,
        "sessions/s",
        "this project is",
        "efficiency",
        "worker CPU per session, ms",
      ],
      contenders.map((name) => [
        name,
        figure(speed(name, latency)),
        name === OURS ? "" : `${figure(speed(OURS, latency) / speed(name, latency))} ×`,
        latency === 0 || name === NAIVE ? "" : percent(efficiency(name, latency)),
        figure(cpu(name, latency)),
      ]),
    )
  );

  const goals = latencies.flatMap((latency) => {
    const against = (name: string) => speed(OURS, latency) / speed(name, latency);
    // The speed of one drain differs from that of the next; slower is what lies below most of the other's.
    const slower = queues.filter((name) => speed(OURS, latency) < lowerSpeed(name, latency));
    const ratios = queues.map((name) => `${name} ${figure(against(name))} ×`).join(", ");
    const lines = [
      `at ${latency} ms not slower than the queues: ${verdict(slower.length === 0)} (${ratios})`,
    ];
    if (latency === 25) {
      const share = efficiency(OURS, latency);
      lines.push(
        `at 25 ms at least 90 % efficient: ${verdict(share >= 0.9)} (${
          percent(share)
        }; the deletes alone reach ${percent(efficiency(BARE, latency))})`,
        `at 25 ms at least 25 times the naive loop: ${verdict(against(NAIVE) >= 25)} (${
          figure(against(NAIVE))
        } ×)`,
      );
    }
    return lines;
  });
  const rounds =
    samples.filter(({ contender, latency }) => contender === OURS && latency === latencies[0])
      .length;

  return `${tables.join("\n\n")}

${goals.map((goal) => `- Goal: ${goal}`).join("\n")}

Medians of ${rounds} drains each, in turns (*slower* is a median below the lower quartile of the other), ${concurrency} sessions at a time, all on one machine: the worker, the
database, and a service with Acontext's deletes, which answers each call so much later that a call made alone takes the
time in the heading. *Efficiency* is the ideal time (sessions × the time of a lone call ÷ sessions at a time, the two deletes
of a session side by side) divided by the measured one. *${
    capitalised(BARE)
  }* are fetches without any database: what is
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

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
