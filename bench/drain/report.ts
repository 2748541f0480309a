/** What is said of the drains. @module */

import { figure, percent, table } from "../markdown.ts";
import { median } from "../statistics.ts";
import type { DrainResult } from "./benchmark.ts";
import { BARE, NAIVE, OURS } from "./contenders.ts";

export function report({ concurrency, samples }: DrainResult): string {
  const latencies = [...new Set(samples.map(({ latency }) => latency))];
  const contenders = [...new Set(samples.map(({ contender }) => contender))];
  const queues = contenders.filter((name) => ![OURS, NAIVE, BARE].includes(name));

  type Sample = DrainResult["samples"][number];
  const middle = (contender: string, latency: number, of: (sample: Sample) => number) =>
    median(
      samples.filter((s) => s.contender === contender && s.latency === latency).map(of),
    );
  const speed = (contender: string, latency: number) =>
    middle(contender, latency, ({ sessions, ms }) => 1000 * sessions / ms);
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
    const least = Math.min(...queues.map(against));
    const lines = [
      `at ${latency} ms not slower than the queues: ${met(least >= 1)} (${figure(least)} ×)`,
    ];
    if (latency === 25) {
      const share = efficiency(OURS, latency);
      lines.push(
        `at 25 ms at least 90 % efficient: ${met(share >= 0.9)} (${
          percent(share)
        }; the deletes alone reach ${percent(efficiency(BARE, latency))})`,
        `at 25 ms at least 25 times the naive loop: ${met(against(NAIVE) >= 25)} (${
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

Medians of ${rounds} drains each, in turns, ${concurrency} sessions at a time, all on one machine: the worker, the
database, and a service with Acontext's deletes, which answers each call so much later that a call made alone takes the
time in the heading. *Efficiency* is the ideal time (sessions × the time of a lone call ÷ sessions at a time, the two deletes
of a session side by side) divided by the measured one. *${
    capitalised(BARE)
  }* are fetches without any database: what is
missing there to 100 % is the time that so many calls at once cost on this machine.

The naive loop selects what has expired and deletes session, disk and row, one after the other, through supabase-js. The
queues run one job per session, both deletes side by side, on direct connections to the database and with the settings
that their documentation recommends for throughput; putting the jobs there is not counted, and their jobs remove no row.
This project does more in its time: it finds what has expired, moves it into the queue, checks leases, removes the row and
writes a receipt of how each resource was proven gone, and all that through PostgREST.
`;
}

function met(yes: boolean): string {
  return yes ? "met" : "missed";
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
