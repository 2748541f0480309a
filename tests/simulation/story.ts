/** A failure in words. @module */

import type { Command } from "./plan.ts";
import type { Failure } from "./search.ts";

const MOST_LINES = 80;

export function storyOf(seed: number, { plan, violation, trace }: Failure): string {
  const end = trace.findIndex((line) => line.includes("!!!"));
  const told = (end === -1 ? trace : trace.slice(0, end + 1))
    .filter((line) => !line.startsWith("0d 00:00:00.000"))
    .map((line) => line.length > 230 ? `${line.slice(0, 230)} …` : line);
  const left = Math.max(0, told.length - MOST_LINES);
  return [
    `\n${violation.kind} (${violation.check}): ${violation.detail}`,
    `A short way to it, found by shrinking run seed ${seed} ` +
    `(again: npm run simulate -- --replay ${seed}):`,
    `  a "${plan.profile.version}" server, ${plan.profile.population} sessions from the start`,
    ...plan.commands.map((command) => `  ${describe(command)}`),
    "What happened:",
    ...(left > 0 ? [`  (${left} lines left out)`] : []),
    ...told.slice(left).map((line) => `  ${line}`),
    "As data, for regressions.ts:",
    `  ${JSON.stringify(plan)}`,
  ].join("\n");
}

function describe({ wait, key: _key, ...act }: Command): string {
  const { do: what, ...details } = act;
  const words = Object.entries(details)
    .filter(([, value]) => value !== false && value !== null)
    .map(([name, value]) => `${name} ${JSON.stringify(value)}`);
  return `after ${wait} ms: ${[what, ...words].join(", ")}`;
}
