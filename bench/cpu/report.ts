/** What is said of the worker's CPU time and memory. @module */

import { figure, table, verdict } from "../markdown.ts";
import type { CpuResult } from "./result.ts";

const MIB = 2 ** 20;
/** What the platform gives to one invocation: https://supabase.com/docs/guides/functions/limits */
const CPU_LIMIT_MS = 2_000;

export function report({ sessions, layers, sweep, memory }: CpuResult): string {
  const [bare, sdk, adapter] = [layers.bare.median, layers.sdk.median, layers.adapter.median];
  const [first, second] = [sweep.first.median, sweep.second.median];
  const started = memory.startedBytes.median / MIB;
  const most = memory.peakBytes / MIB;
  const early = memory.earlyBytes / MIB;
  const late = memory.lateBytes / MIB;

  const layerTable = table(["Two deletes of one session", "CPU, ms", "more than above"], [
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

  return `${layerTable}

- Goal: at most 0.4 ms for each session in a process that has just started: ${
    verdict(first <= 0.4)
  } (${figure(first)} ms, so that ${figure(Math.floor(CPU_LIMIT_MS / first))} sessions fit into ${
    CPU_LIMIT_MS / 1000
  } s)
- Goal: less than 200 MiB: ${verdict(most < 200)} (${
    figure(started)
  } MiB when the process has started, ${figure(most)} MiB at most)
- Memory after the first thousand sessions ${
    figure(early)
  } MiB, after the last of ${memory.thousands} thousand ${figure(late)} MiB

User and system time of the worker's process, divided by sessions; medians of ${sweep.first.count} rounds of ${
    sessions.toLocaleString("en-US")
  } sessions with a remote service that answers at once.

What keeps it low: a plain success of a delete is told by two comparisons, without a schema; claims and reports travel in
batches, so that a session costs a few lines of JSON and no request of its own to the database; a run writes one line to
the log; and an answer that says how long it is, is read in one piece, where one in chunks has to be counted while it is
read. The first three rows are processes that have run before, the last two the function's own, started anew.
`;
}
