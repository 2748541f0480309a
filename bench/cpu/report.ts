/** The section of docs/performance.md. @module */

import type { Headline } from "../benchmark.ts";
import { figure, milliseconds, table, verdict } from "../markdown.ts";
import type { CpuResult } from "./result.ts";

const MIB = 2 ** 20;
/** What the platform gives to one invocation: https://supabase.com/docs/guides/functions/limits */
const CPU_LIMIT_MS = 2_000;

const GOAL_MS = 0.4;
const GOAL_MIB = 200;

export function report(result: CpuResult): string {
  return [layerTable(result), goals(result), howText(result)].join("\n\n");
}

function layerTable({ layers, sweep }: CpuResult): string {
  const [bare, sdk, adapter] = [layers.bare.median, layers.sdk.median, layers.adapter.median];
  const [first, second] = [sweep.first.median, sweep.second.median];
  return table(["Both deletes of one session", "CPU, ms", "more than above"], [
    ["`fetch`", figure(bare), ""],
    ["SDK", figure(sdk), figure(sdk - bare)],
    ["this project's adapter, which uses the SDK", figure(adapter), figure(adapter - sdk)],
    [
      "the whole sweep: claims, leases, verdicts, reports, their JSON and schemas",
      figure(second),
      figure(second - adapter),
    ],
    ["the same in the first run of a process", figure(first), figure(first - second)],
  ]);
}

function goals(result: CpuResult): string {
  const { first, sessions, started, early, late, peak, thousands } = figuresOf(result);
  return `- Goal: at most ${GOAL_MS} ms for each session in a process that has just started: ${
    verdict(first <= GOAL_MS)
  } (${milliseconds(first)}, so that ${figure(sessions)} sessions fit into ${CPU_LIMIT_MS / 1000} s)
- Goal: less than ${GOAL_MIB} MiB: ${verdict(peak < GOAL_MIB)} (${
    figure(started)
  } MiB when the process has started, ${figure(peak)} MiB at most)
- Memory after the first thousand sessions: ${
    figure(early)
  } MiB, after the last of ${thousands} thousand: ${figure(late)} MiB`;
}

function figuresOf({ sweep, memory }: CpuResult) {
  const first = sweep.first.median;
  return {
    first,
    sessions: Math.floor(CPU_LIMIT_MS / first),
    started: memory.startedBytes.median / MIB,
    early: memory.earlyBytes / MIB,
    late: memory.lateBytes / MIB,
    peak: memory.peakBytes / MIB,
    thousands: memory.thousands,
  };
}

function howText({ sessions, sweep }: CpuResult): string {
  return `User and system time of the worker's process, divided by sessions; medians of ${sweep.first.count} rounds of ${
    sessions.toLocaleString("en-US")
  } sessions with a remote service that answers at once.

What keeps it low: recognising a successful delete costs two comparisons and no schema; claims and reports travel in
batches, so that a session costs a few lines of JSON and no database request of its own; a run writes one line to the log;
and an answer that states its length is read in one piece, whereas one in chunks has to be counted while it is read. The
first three rows are of processes that were warm, the last two of the function's own process, freshly started.
`;
}

export function headlines(result: CpuResult): Headline[] {
  const { first, sessions, early, peak, thousands } = figuresOf(result);
  return [
    {
      what: "CPU of a deletion, cold process",
      measured: milliseconds(first),
      comparison: `${figure(sessions)} fit into the ${CPU_LIMIT_MS / 1000} s of one invocation`,
      goal: `at most ${GOAL_MS} ms: ${verdict(first <= GOAL_MS)}`,
    },
    {
      what: "Memory of the worker",
      measured: `${figure(peak)} MiB`,
      comparison: `in ${thousands} thousand deletions; ${
        figure(early)
      } MiB after the first thousand`,
      goal: `less than ${GOAL_MIB} MiB: ${verdict(peak < GOAL_MIB)}`,
    },
  ];
}
