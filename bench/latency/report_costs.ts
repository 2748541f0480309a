/** The part of the section about CPU: why many clients at once wait longer. @module */

import { figure, table } from "../markdown.ts";
import { PARTS } from "../support/stack_processes.ts";
import type { LatencyResult, Setting } from "./result.ts";
import type { Way } from "./rounds.ts";

export function reportCosts(result: LatencyResult): string {
  return [costText(result), costTable(result)].join("\n\n");
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
database, and Acontext itself. The CPU that each part spends per request, with ${message.clients} clients, is in the table
below. A message with a key costs ${figure(total)} ms of CPU in all, ${
    figure(more)
  } ms more than straight to Acontext. These cores can process ${
    figure(result.cores * 1000 / total)
  } of them a second, so ${message.clients} clients that send without a pause wait ${
    figure(floor)
  } ms for their turn, however fast Acontext is. The gateway is this project's stand-in; every request passes it once from
the client and once for each request to the database. On the platform the parts run on machines of their own.`;
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
