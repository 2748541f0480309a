/** What is said of the drains. @module */

import { figure, percent, table } from "../markdown.ts";
import { median } from "../statistics.ts";
import type { DrainResult } from "./benchmark.ts";

const OURS = "this project";

export function report({ concurrency, samples }: DrainResult): string {
  const latencies = [...new Set(samples.map(({ latency }) => latency))];
  const contenders = [...new Set(samples.map(({ contender }) => contender))];

  const of = (contender: string, latency: number) =>
    samples.filter((sample) => sample.contender === contender && sample.latency === latency);
  const speed = (contender: string, latency: number) =>
    median(of(contender, latency).map(({ sessions, ms }) => 1000 * sessions / ms));
  const cpu = (contender: string, latency: number) =>
    median(of(contender, latency).map(({ sessions, cpuMs }) => cpuMs / sessions));
  const efficiency = (contender: string, latency: number) =>
    speed(contender, latency) * latency / 1000 / concurrency;

  const tables = latencies.map((latency) =>
    table(
      [
        `${latency} ms per call`,
        "sessions/s",
        "this project is",
        "efficiency",
        "worker CPU per session, ms",
      ],
      contenders.map((contender) => [
        contender,
        figure(speed(contender, latency)),
        contender === OURS ? "" : `${figure(speed(OURS, latency) / speed(contender, latency))} ×`,
        latency === 0 || contender === "naive loop" ? "" : percent(efficiency(contender, latency)),
        figure(cpu(contender, latency)),
      ]),
    )
  );

  const goals = latencies.flatMap((latency) => {
    const slowest = Math.min(
      ...contenders.filter((name) => name !== OURS && name !== "naive loop")
        .map((name) => speed(OURS, latency) / speed(name, latency)),
    );
    const queues = `at ${latency} ms not slower than the queues: ${met(slowest >= 1)} (${
      figure(slowest)
    } ×)`;
    if (latency !== 25) return [queues];
    const share = efficiency(OURS, latency);
    const ratio = speed(OURS, latency) / speed("naive loop", latency);
    return [
      queues,
      `at 25 ms at least 90 % efficient: ${met(share >= 0.9)} (${percent(share)})`,
      `at 25 ms at least 25 times the naive loop: ${met(ratio >= 25)} (${figure(ratio)} ×)`,
    ];
  });

  return `${tables.join("\n\n")}

Medians of ${
    of(OURS, latencies[0] ?? 0).length
  } drains each, in turns, ${concurrency} sessions at a time. Acontext is the
stand-in, which answers each call that much later. *Efficiency* is the ideal time (sessions × latency ÷ sessions in
flight, a session's two deletes side by side) divided by the measured one.

The naive loop selects what has expired and deletes session, disk and row, one after the other, through supabase-js. The
queues run one job per session with both deletes side by side, on direct connections to the database and with the
settings that their documentation recommends for throughput; putting the jobs there is not counted. This project does
more in the same time: it finds what has expired, moves it into the queue, checks leases, removes the row, writes a
receipt of how each resource was proven gone, and it does so through gateway and PostgREST.

${goals.map((goal) => `- Goal: ${goal}`).join("\n")}
`;
}

function met(yes: boolean): string {
  return yes ? "met" : "missed";
}
