/** The section of docs/performance.md. @module */

import type { Headline } from "../benchmark.ts";
import { figure, milliseconds, percent, table, verdict, verdicts } from "../markdown.ts";
import { reportCosts } from "./report_costs.ts";
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
    reportCosts(result),
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

function ratioOf({ ours, naive }: LatencyResult["creates"][number]): number {
  return p50(ours) / p50(naive);
}

function judgedCreates({ creates }: LatencyResult) {
  return creates.filter(({ delayMs }) => delayMs === GOAL_DELAY_MS);
}

function createText(result: LatencyResult): string {
  const goals = judgedCreates(result).map((row) =>
    `- ${phraseOf(row)}: ${figure(ratioOf(row))} (${verdict(ratioOf(row) <= GOAL_RATIO)})`
  );
  return `**Creating a session**, through the gateway with a user's token, compared with the naive way: a function that
checks the token in the same way and uses the same SDK, makes the session, then the disk, and then inserts the row through
the Data API. This project writes the row first and makes both resources in parallel: it waits once for Acontext and twice
for the database, instead of twice and once. The two take turns; a client sends its next request when it has the answer,
unless it paces itself.

Goal: at most ${GOAL_RATIO} of the naive time where Acontext takes ${GOAL_DELAY_MS} ms per call. Ratios of the medians there:

${goals.join("\n")}`;
}

function createTable({ creates }: LatencyResult): string {
  return table(
    ["Acontext takes", "clients", "naive p50", "ours p50", "ratio", "naive p99", "ours p99"],
    creates.map((row) => [
      `${row.delayMs} ms`,
      nameOf(row),
      milliseconds(p50(row.naive)),
      milliseconds(p50(row.ours)),
      figure(ratioOf(row)),
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

/** From the least to the most of storing, storing with a key and loading. */
function overheadsOf(row: LatencyResult["messages"][number]): { least: number; most: number } {
  const overheads = pairsOf(row).map(({ through, direct }) => p50(through) - p50(direct));
  return { least: Math.min(...overheads), most: Math.max(...overheads) };
}

function messageText({ messages, loadedMessages }: LatencyResult): string {
  const goals = messages.map((row) => {
    const { least, most } = overheadsOf(row);
    return `- ${phraseOf(row)}, Acontext at ${row.delayMs} ms: ${figure(least)} to ${
      milliseconds(most)
    } (${verdict(most <= GOAL_OVERHEAD_MS)})`;
  });
  return `**Storing and loading messages** through session-messages, compared with the requests that it sends, sent
straight to Acontext; a session that is loaded has ${loadedMessages} messages. Through the functions, the token is checked
twice (gateway, function), and the database is asked whether the session is the caller's and alive, and counts the use. With
an Idempotency-Key, which the client package always sends, the key is claimed before and settled afterwards: two requests to
the database instead of one.

Goal: at most ${GOAL_OVERHEAD_MS} ms more at the median, from the cheapest to the dearest of the three calls:

${goals.join("\n")}`;
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

export function headlines(result: LatencyResult): Headline[] {
  const creates = judgedCreates(result);
  const messages = result.messages.filter(({ delayMs }) => delayMs === GOAL_DELAY_MS);
  const [create, message] = [creates[0], messages[0]];
  if (create === undefined || message === undefined) return [];
  const ratios = extremes(creates).map((row) =>
    `${figure(ratioOf(row))} × (${shortPhraseOf(row)})`
  );
  const overheads = extremes(messages).map((row) =>
    `${milliseconds(overheadsOf(row).most)} (${shortPhraseOf(row)})`
  );
  return [
    {
      what: `New session, Acontext at ${GOAL_DELAY_MS} ms`,
      measured: milliseconds(p50(create.ours)),
      comparison: [`${figure(ratioOf(create))} × the naive way`, ...ratios].join(", "),
      goal: `at most ${GOAL_RATIO}: ${verdicts(creates.map((row) => ratioOf(row) <= GOAL_RATIO))}`,
    },
    {
      what: `Message, Acontext at ${GOAL_DELAY_MS} ms`,
      measured: milliseconds(p50(message.storeOnce)),
      comparison: [`${milliseconds(overheadsOf(message).most)} more than direct`, ...overheads]
        .join(", "),
      goal: `at most ${GOAL_OVERHEAD_MS} ms: ${
        verdicts(messages.map((row) => overheadsOf(row).most <= GOAL_OVERHEAD_MS))
      }`,
    },
  ];
}

/** Where most clients are at work, in each of their ways. */
function extremes<Row extends Setting>(rows: Row[]): Row[] {
  const most = Math.max(...rows.map(({ clients }) => clients));
  return rows.filter(({ clients }) => clients === most);
}

function shortPhraseOf({ clients, everyMs }: Setting): string {
  return everyMs === null ? `${clients} clients` : `${clients} paced`;
}
