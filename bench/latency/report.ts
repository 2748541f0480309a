/** The section of docs/performance.md. @module */

import { figure, milliseconds, percent, table, verdict } from "../markdown.ts";
import { PARTS } from "../support/stack_processes.ts";
import type { LatencyResult, Setting } from "./result.ts";
import type { Way } from "./rounds.ts";

const GOAL_RATIO = 0.65;
const GOAL_DELAY_MS = 50;
const GOAL_OVERHEAD_MS = 10;

export function report(result: LatencyResult): string {
  return [
    createText(result),
    createTable(result),
    messageText(result),
    messageTable(result),
    costText(result),
    costTable(result),
  ].join("\n\n");
}

function p50({ ms }: Way): number {
  return ms.median;
}

function p99({ ms }: Way): number {
  return ms.p99;
}

function nameOf({ clients, everyMs }: Setting): string {
  return everyMs === null ? `${clients}` : `${clients}, each every ${everyMs} ms`;
}

function phraseOf({ clients, everyMs }: Setting): string {
  const who = `${clients} client${clients === 1 ? "" : "s"}`;
  return everyMs === null ? who : `${who} that each send every ${everyMs} ms`;
}

function createText({ creates }: LatencyResult): string {
  const judged = creates.filter(({ delayMs }) => delayMs === GOAL_DELAY_MS);
  const verdicts = judged.map((row) => {
    const ratio = p50(row.ours) / p50(row.naive);
    return `${figure(ratio)} with ${phraseOf(row)} (${verdict(ratio <= GOAL_RATIO)})`;
  });
  return `**Creating a session**, through the gateway with a user's token, against the naive way: a function with the
same check of the token and the same SDK that makes the session, then the disk, then inserts the row through the Data API.
In turns; a client sends its next request when it has the answer, unless it is said to pace itself. Ours writes the row first and makes both resources
side by side, so it costs one wait for Acontext and two for the database instead of two and one. Goal: at most
${GOAL_RATIO} of the naive time where Acontext takes ${GOAL_DELAY_MS} ms a call. Ratio of the medians there:
${verdicts.join("; ")}.`;
}

function createTable({ creates }: LatencyResult): string {
  return table(
    ["Acontext takes", "clients", "naive p50", "ours p50", "ratio", "naive p99", "ours p99"],
    creates.map((row) => [
      `${row.delayMs} ms`,
      nameOf(row),
      milliseconds(p50(row.naive)),
      milliseconds(p50(row.ours)),
      figure(p50(row.ours) / p50(row.naive)),
      milliseconds(p99(row.naive)),
      milliseconds(p99(row.ours)),
    ]),
  );
}

/** Pairs of what is compared, by what they are called. */
function pairsOf(row: LatencyResult["messages"][number]) {
  return [
    { name: "store", through: row.store, direct: row.directStore },
    { name: "store, with a key", through: row.storeOnce, direct: row.directStore },
    { name: "load", through: row.load, direct: row.directLoad },
  ];
}

function messageText({ messages, loadedMessages }: LatencyResult): string {
  const verdicts = messages.map((row) => {
    const overheads = pairsOf(row).map(({ through, direct }) => p50(through) - p50(direct));
    const [least, most] = [Math.min(...overheads), Math.max(...overheads)];
    return `${phraseOf(row)} at ${row.delayMs} ms: ${figure(least)} to ${figure(most)} ms (${
      verdict(most <= GOAL_OVERHEAD_MS)
    })`;
  });
  return `**Storing and loading messages** through session-messages, against the requests that it sends itself, straight
to Acontext; a conversation that is loaded has ${loadedMessages} messages. The way through the functions checks the token
twice (gateway, function), asks the database whether the session is the caller's and alive, and counts the use; with an
Idempotency-Key, which the client package always sends, it claims the key before and settles it after: two times to the
database instead of one. Goal: at most ${GOAL_OVERHEAD_MS} ms more at the median. ${
    verdicts.join("; ")
  }.`;
}

function messageTable({ messages }: LatencyResult): string {
  return table(
    [
      "call",
      "Acontext takes",
      "clients",
      "direct p50",
      "p50",
      "overhead",
      "share",
      "direct p99",
      "p99",
    ],
    messages.flatMap((row) =>
      pairsOf(row).map(({ name, through, direct }) => [
        name,
        `${row.delayMs} ms`,
        nameOf(row),
        milliseconds(p50(direct)),
        milliseconds(p50(through)),
        milliseconds(p50(through) - p50(direct)),
        percent((p50(through) - p50(direct)) / p50(direct)),
        milliseconds(p99(direct)),
        milliseconds(p99(through)),
      ])
    ),
  );
}

/** The setting with the most clients that do not pace themselves: there, CPU decides. */
function busiest<Row extends Setting>(rows: readonly Row[]): Row | undefined {
  return rows.filter(({ everyMs }) => everyMs === null).toSorted((a, b) =>
    b.clients - a.clients || b.delayMs - a.delayMs
  )[0];
}

function costRows({ creates, messages }: LatencyResult): [string, Way][] {
  const create = busiest(creates);
  const message = busiest(messages);
  return [
    ...(create === undefined ? [] : [
      ["create, naive", create.naive] satisfies [string, Way],
      ["create", create.ours] satisfies [string, Way],
    ]),
    ...(message === undefined ? [] : [
      ["store, direct", message.directStore] satisfies [string, Way],
      ["store", message.store] satisfies [string, Way],
      ["store, with a key", message.storeOnce] satisfies [string, Way],
      ["load, direct", message.directLoad] satisfies [string, Way],
      ["load", message.load] satisfies [string, Way],
    ]),
  ];
}

function costOf({ cpu, ms }: Way): { parts: number[]; total: number } {
  const parts = PARTS.map((part) => cpu[part] / ms.count);
  return { parts, total: parts.reduce((sum, part) => sum + part, 0) };
}

function costText(result: LatencyResult): string {
  const message = busiest(result.messages);
  if (message === undefined) return "";
  const { total } = costOf(message.storeOnce);
  const more = total - costOf(message.directStore).total;
  const floor = message.clients * total / result.cores;
  return `**Why many clients wait.** All parts of the stack share ${result.cores} cores here: clients, gateway, functions,
database, and Acontext itself. CPU per request of each part, with ${message.clients} clients, is below. A message with a
key costs ${figure(total)} ms of CPU in all, ${
    figure(more)
  } ms more than straight to Acontext. These cores can do ${
    figure(result.cores * 1000 / total)
  } of them a second, so ${message.clients} clients that send without a pause need ${
    figure(floor)
  } ms for a turn, however fast Acontext is. The gateway is
this project's stand-in, which every request passes once from the client and once for each time to the database; on the
platform the parts run on machines of their own.`;
}

function costTable(result: LatencyResult): string {
  return table(
    ["CPU per request, ms", ...PARTS, "all"],
    costRows(result).map(([name, way]) => {
      const { parts, total } = costOf(way);
      return [name, ...parts.map(figure), figure(total)];
    }),
  );
}
