/** The section of docs/performance.md. @module */

import type { Headline } from "../benchmark.ts";
import { figure, milliseconds, table, verdict } from "../markdown.ts";
import type { ColdStartResult, Form } from "./result.ts";

const GOAL_LOAD_MS = 60;
const GOAL_KB = 450;

export function report(result: ColdStartResult): string {
  return [
    timeText(result),
    timeTable(result),
    "The same from the sources, which the local stack serves:",
    sourcesTable(result),
    "What each import of create-session adds there, in this order; the SDK brings a second zod with it:",
    stepTable(result),
    sizeText(result),
    sizeTable(result),
    "What create-session's bundle is made of:",
    partTable(result),
  ].join("\n\n");
}

/** What the summary of the page says. */
export function headlines(result: ColdStartResult): Headline[] {
  const slowest = slowestLoad(result, "bundle");
  return [{
    what: "Cold start, function loaded",
    measured: milliseconds(slowest),
    comparison: `${milliseconds(slowestLoad(result, "sources"))} from the sources; ${
      figure(largest(result) / 1e3)
    } KB of at most ${GOAL_KB}`,
    goal: `at most ${GOAL_LOAD_MS} ms: ${verdict(slowest <= GOAL_LOAD_MS)}`,
  }];
}

/** Medians of each function in one form. */
function medians({ functions }: ColdStartResult, form: Form) {
  return Object.entries(functions).map(([name, starts]) => {
    const { loaded, listening, first, later } = starts[form];
    return {
      name,
      load: loaded.median,
      listening: listening.median,
      first: first.median,
      later: later.median,
    };
  });
}

function slowestLoad(result: ColdStartResult, form: Form): number {
  return Math.max(...medians(result, form).map(({ load }) => load));
}

function largest({ functions }: ColdStartResult): number {
  return Math.max(...Object.values(functions).map(({ size }) => size.bytes));
}

function timeText(result: ColdStartResult): string {
  const slowest = slowestLoad(result, "bundle");
  return `Medians of ${result.empty.listening.count} starts of each function, in turns, as it is deployed: one file, made by
\`npm run build:functions\`. *Loaded*: \`import()\` of that file, timed inside a process that has imported nothing before;
goal at most ${GOAL_LOAD_MS} ms, the slowest takes ${figure(slowest)} ms (${
    verdict(slowest <= GOAL_LOAD_MS)
  }), from the sources ${
    figure(slowestLoad(result, "sources"))
  } ms. *Listening*: from the start of the process to the moment it takes requests, also next to a function without
imports. *First request*: sent straight to the process then; it reads the environment, imports the signing keys, opens
connections and compiles what runs for the first time. *Later*: the ten after it.`;
}

function timeTable(result: ColdStartResult): string {
  const empty = result.empty.listening.median;
  return table(
    ["function", "loaded", "listening", "more than empty", "first request", "later"],
    medians(result, "bundle").map(({ name, load, listening, first, later }) => [
      name,
      milliseconds(load),
      milliseconds(listening),
      milliseconds(listening - empty),
      milliseconds(first),
      milliseconds(later),
    ]),
  );
}

function sourcesTable(result: ColdStartResult): string {
  return table(
    ["function", "loaded", "listening", "first request", "later"],
    medians(result, "sources").map(({ name, load, listening, first, later }) => [
      name,
      milliseconds(load),
      milliseconds(listening),
      milliseconds(first),
      milliseconds(later),
    ]),
  );
}

function stepTable({ steps }: ColdStartResult): string {
  const times = steps.map(({ time }) => time.median);
  const all = times.reduce((sum, time) => sum + time, 0);
  return table(["", ...steps.map(({ name }) => name), "all"], [
    ["time", ...[...times, all].map(milliseconds)],
  ]);
}

function sizeText(result: ColdStartResult): string {
  const bytes = largest(result);
  const whole = Math.max(...Object.values(result.functions).map(({ size }) => size.wholeBytes));
  return `The bundles are minified, but for the names of functions and classes. Goal: at most ${GOAL_KB} KB, the largest has
${figure(bytes / 1e3)} KB (${
    verdict(bytes <= GOAL_KB * 1e3)
  }). Without what the bundler leaves out it would be ${
    figure(whole / 1e3)
  } KB: a second build of zod, for the SDK; zod's texts in other languages; and of supabase-js the clients of Auth, Realtime
and Storage, which no function uses. The platform's own limit is 20 MB.`;
}

function sizeTable({ functions }: ColdStartResult): string {
  return table(
    [
      "function",
      "own modules",
      "own KB",
      "modules in the bundle",
      "KB",
      "KB gzipped",
      "KB with all",
    ],
    Object.entries(functions).map(([name, { size }]) => [
      name,
      String(size.ownModules),
      figure(size.ownBytes / 1e3),
      String(size.modules),
      figure(size.bytes / 1e3),
      figure(size.gzippedBytes / 1e3),
      figure(size.wholeBytes / 1e3),
    ]),
  );
}

function partTable({ functions }: ColdStartResult): string {
  const parts = Object.entries(functions["create-session"]?.size.parts ?? {});
  return table(
    ["part", "KB"],
    parts.sort(([, a], [, b]) => b - a).map(([name, bytes]) => [name, figure(bytes / 1e3)]),
  );
}
