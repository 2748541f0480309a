/** The section of docs/performance.md. @module */

import { count, figure, milliseconds, percent, table } from "../markdown.ts";
import type { Fault } from "../../local/acontext/fault_rules.ts";
import { OPERATIONS } from "./questions.ts";
import type { Day, LoadResult } from "./result.ts";

/** A process that grows by more than this from the first quarter of a day to its last is not steady. */
const STEADY = 1.1;

export function report(result: LoadResult): string {
  return [
    intro(result),
    ...dayReport("A good day", result.good, result),
    ...dayReport("A bad day", result.bad, result),
    badDayText(result),
    failureTable(result.bad),
    endText(result),
    memoryText(result),
    memoryTable(result),
  ].join("\n\n");
}

function intro({ clients, delayMs, backlog, good }: LoadResult): string {
  return `${clients} clients with the client package work without a pause for ${
    figure(good.seconds)
  } s, each on its own sessions: 45 % store a message, 30 % load a whole conversation, 10 % list, 5 % create, 5 % upload or
download a file, 5 % delete. Beside them a sweep takes up expired sessions, from a backlog of ${
    count(backlog)
  }. Acontext takes ${delayMs} ms a call. Every client remembers what it was told and compares: a message that was answered
as stored has to be there once, in its place, with every load; a list has to show all sessions, a file its content. *Error*
is any answer that is not success, unless it has the documented code of a fault that was injected (\`acontext_unavailable\`,
\`message_uncertain\`, or \`idempotency_busy\` to the repetition of such a message), and any answer of success that is not
true. With an error the measurement fails, and also when more requests fail than faults were injected.`;
}

function dayReport(name: string, day: Day, { clients }: LoadResult): string[] {
  const { seconds, sweeps } = day;
  const { requests } = totals(day);
  return [
    `**${name}.** ${count(requests)} requests of ${clients} clients, ${
      figure(requests / seconds)
    } a second, ${day.wrong.length} errors; meanwhile ${count(sweeps.deleted)} sessions swept, ${
      figure(sweeps.deleted / seconds)
    } a second. A *call* is what the app waits for, with the client's own repetitions and the waits that an answer asks
for.`,
    dayTable(day),
  ];
}

function dayTable({ operations }: Day): string {
  return table(
    ["operation", "requests", "p50", "p99", "calls", "call p50", "call p99"],
    OPERATIONS.flatMap((operation) => {
      const measured = operations[operation];
      if (measured === undefined) return [];
      const { requests, calls } = measured;
      return [[
        operation,
        count(requests.count),
        milliseconds(requests.median),
        milliseconds(requests.p99),
        count(calls.count),
        milliseconds(calls.median),
        milliseconds(calls.p99),
      ]];
    }),
  );
}

function badDayText({ bad }: LoadResult): string {
  const injected = bad.injected.map(({ fault, times }) => `${phraseOf(fault)} ${times} ×`);
  const { requests, calls } = totals(bad);
  const failed = total(bad.failedRequests);
  const given = total(bad.failedCalls);
  return `Injected on the bad day, in calls of clients and of the sweep alike: ${
    injected.join(", ")
  }. ${failed} requests of the clients (${
    percent(failed / requests)
  }) were answered with the code of a fault; ${given} calls (${
    percent(given / calls)
  }) still failed after the client's repetitions. Effects
that land late were injected for creates only: a late delete beside its repetition would be two at a time.`;
}

function phraseOf(fault: Fault): string {
  switch (fault.kind) {
    case "status":
      return `answers ${fault.status}`;
    case "delay":
      return `answers ${fault.ms} ms late`;
    case "drop":
      return `drops the connection ${fault.when} the effect`;
    case "throttle":
      return "answers 429";
    case "false404":
      return "lies with 404";
    case "late":
      return `drops it, effect ${fault.ms} ms later`;
    default:
      return fault.kind;
  }
}

function failureTable({ failedRequests }: Day): string {
  return table(
    ["answer", "requests"],
    Object.entries(failedRequests).sort(([, a], [, b]) => b - a)
      .map(([name, times]) => [name, String(times)]),
  );
}

function endText({ end, backlog }: LoadResult): string {
  return `Afterwards, without faults, every client looked at everything it has: ${end.wrong.length} errors, so no message
and no file was lost. Reconcile and sweep had nothing left to do after ${end.rounds} round${
    end.rounds === 1 ? "" : "s"
  }. Then ${end.leaked} resources in Acontext were without an active session (leaks), ${end.missing} were missing to one,
and ${count(end.expired)} of the ${count(backlog)} expired sessions had their receipt.`;
}

function memoryRows({ good, bad }: LoadResult) {
  return Object.entries(bad.memory).toSorted().map(([name, second]) => {
    const first = good.memory[name] ?? second;
    return { name, first, second };
  });
}

function memoryText(result: LoadResult): string {
  const growing = memoryRows(result).filter(({ second }) => second.end > second.begin * STEADY);
  return `Memory of each function's process (RSS, once a second; medians of the first and the last quarter of each day).
Steady means: at the end of the second day at most ${percent(STEADY - 1)} above its beginning. ${
    growing.length === 0 ? "All are steady." : `Not steady: ${growing.map(({ name }) => name)}.`
  }`;
}

function memoryTable(result: LoadResult): string {
  return table(
    ["MB", "first day, begin", "end", "second day, begin", "end", "most"],
    memoryRows(result).map(({ name, first, second }) => [
      name,
      figure(first.begin),
      figure(first.end),
      figure(second.begin),
      figure(second.end),
      figure(Math.max(first.max, second.max)),
    ]),
  );
}

function totals({ operations }: Day): { requests: number; calls: number } {
  const all = Object.values(operations);
  return {
    requests: all.reduce((sum, { requests }) => sum + requests.count, 0),
    calls: all.reduce((sum, { calls }) => sum + calls.count, 0),
  };
}

function total(counts: Record<string, number>): number {
  return Object.values(counts).reduce((sum, times) => sum + times, 0);
}
