/** The section of docs/performance.md. @module */

import type { Headline } from "../benchmark.ts";
import { count, figure, milliseconds, percent, table, verdict } from "../markdown.ts";
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
  return `${clients} clients use the client package without a pause for ${
    figure(good.seconds)
  } s, each on its own sessions: 45 % of the calls store a message, 30 % load all messages of a session, 10 % list, 5 % create,
5 % upload or download a file, 5 % delete. Meanwhile a sweep deletes expired sessions from a backlog of ${
    count(backlog)
  }. Acontext takes ${delayMs} ms per call.

Every client remembers what it was told and compares: a message that was answered as stored has to appear once, in its
place, in every load; a list has to show all sessions; a file has to have its content. An *error* is any unsuccessful answer
without the documented code of an injected fault (\`acontext_unavailable\`, \`message_uncertain\`, or \`idempotency_busy\` when
such a message is repeated), and any successful answer that is not true. One error fails the measurement, and so do more
failed requests than injected faults. A *call* is what the app waits for, including the client's own repetitions and the
waits that an answer asks for.`;
}

function dayReport(name: string, day: Day, { clients }: LoadResult): string[] {
  const { seconds, sweeps } = day;
  const { requests } = totals(day);
  return [
    `**${name}.** ${count(requests)} requests of ${clients} clients, ${
      figure(requests / seconds)
    } a second, ${day.wrong.length} errors; meanwhile ${count(sweeps.deleted)} sessions swept, ${
      figure(sweeps.deleted / seconds)
    } a second.`,
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
  const injected = bad.injected.map(({ fault, times }) => `${times} × ${phraseOf(fault)}`);
  const { requests, calls } = totals(bad);
  const failed = total(bad.failedRequests);
  const given = total(bad.failedCalls);
  return `Injected on the bad day, into calls of clients and of the sweep alike: ${
    injected.join(", ")
  }. ${failed} requests of the clients (${
    percent(failed / requests)
  }) were answered with the code of a fault; ${given} calls (${
    percent(given / calls)
  }) still failed after the client's repetitions. Late effects were only injected into creates: a late delete and its
repetition would be two deletes at the same time.`;
}

function phraseOf(fault: Fault): string {
  switch (fault.kind) {
    case "status":
      return `status ${fault.status}`;
    case "delay":
      return `an answer ${fault.ms} ms late`;
    case "drop":
      return `connection dropped ${fault.when} the effect`;
    case "throttle":
      return "status 429";
    case "false404":
      return "an untrue 404";
    case "late":
      return `connection dropped ${fault.ms} ms before the effect`;
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
  return `Afterwards, without faults, every client checked everything it has: ${end.wrong.length} errors, so no message and no
file was lost. Reconcile and sweep had nothing left to do after ${end.rounds} round${
    end.rounds === 1 ? "" : "s"
  }. Then ${end.leaked} resources in Acontext had no active session (leaks), active sessions lacked ${end.missing} resources,
and ${count(end.expired)} of the ${count(backlog)} expired sessions had a receipt.`;
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
A process is steady when the end of the second day is at most ${
    percent(STEADY - 1)
  } above its beginning. ${
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

export function headlines({ clients, good, bad, end }: LoadResult): Headline[] {
  const perSecond = (day: Day) => `${figure(totals(day).requests / day.seconds)} requests/s`;
  const failed = percent(total(bad.failedRequests) / totals(bad).requests);
  const wrong = bad.wrong.length + end.wrong.length;
  return [
    {
      what: `${clients} clients without a pause`,
      measured: perSecond(good),
      comparison: `${good.wrong.length} errors, and ${
        figure(good.sweeps.deleted / good.seconds)
      } sessions swept a second`,
      goal: `no error: ${verdict(good.wrong.length === 0)}`,
    },
    {
      what: "The same, Acontext misbehaving",
      measured: perSecond(bad),
      comparison: `${failed} of the requests failed, ${wrong} answers untrue, ${end.leaked} leaks`,
      goal: `nothing lost or leaked: ${verdict(wrong + end.leaked + end.missing === 0)}`,
    },
  ];
}
