/** The section of docs/performance.md. @module */

import { figure, milliseconds, table, verdict } from "../markdown.ts";
import { median } from "../statistics.ts";
import { PACKAGES } from "./imports.ts";
import type { ColdStartResult } from "./result.ts";

const GOAL_LOAD_MS = 150;
const GOAL_BUNDLE_MB = 2.5;

export function report(result: ColdStartResult): string {
  return [
    timeText(result),
    timeTable(result),
    "What each import of create-session adds, in this order; the SDK brings a second zod with it:",
    stepTable(result),
    bundleText(result),
    bundleTable(result),
    partTable(result),
  ].join("\n\n");
}

/** Medians of one function. */
function summaries({ functions }: ColdStartResult) {
  return Object.entries(functions).map(([name, { bundle, imports, boots }]) => ({
    name,
    bundle,
    load: median(imports),
    listening: median(boots.map(({ listening }) => listening)),
    first: median(boots.map(({ first }) => first)),
    later: median(boots.flatMap(({ later }) => later)),
  })).sort((a, b) => a.name.localeCompare(b.name));
}

function emptyListening(result: ColdStartResult): number {
  return summaries(result).find(({ name }) => name === "empty")?.listening ?? 0;
}

function ours(result: ColdStartResult) {
  return summaries(result).filter(({ name }) => name !== "empty");
}

function timeText(result: ColdStartResult): string {
  const rounds = result.steps.length;
  const slowest = Math.max(...ours(result).map(({ load }) => load));
  const added = Math.max(...ours(result).map(({ listening }) => listening)) -
    emptyListening(result);
  return `Medians of ${rounds} starts of each function, in turns. *Modules loaded*: \`import()\` of \`index.ts\` with
all that it needs, timed inside a process that has imported nothing before; goal under ${GOAL_LOAD_MS} ms, the slowest
takes ${figure(slowest)} ms (${
    verdict(slowest < GOAL_LOAD_MS)
  }). *Listening*: from the start of the process to the
moment it takes requests, next to a function without imports; ours take up to ${
    figure(added)
  } ms longer (${
    verdict(added < GOAL_LOAD_MS)
  } by the same measure). *First request*: sent straight to the process then; it reads the environment, imports the
signing keys, opens connections and compiles what runs for the first time. *Later*: the ten after it.`;
}

function timeTable(result: ColdStartResult): string {
  const empty = emptyListening(result);
  return table(
    ["function", "modules loaded", "listening", "more than empty", "first request", "later"],
    summaries(result).map(({ name, load, listening, first, later }) => [
      name,
      milliseconds(load),
      milliseconds(listening),
      milliseconds(listening - empty),
      milliseconds(first),
      milliseconds(later),
    ]),
  );
}

function stepTable({ steps }: ColdStartResult): string {
  const names = [...PACKAGES, "our own modules"];
  const medians = names.map((_, index) => median(steps.map((step) => step[index] ?? 0)));
  return table(["", ...names, "all"], [
    [
      "time",
      ...medians.map(milliseconds),
      milliseconds(medians.reduce((sum, time) => sum + time, 0)),
    ],
  ]);
}

function bundleText(result: ColdStartResult): string {
  const minified = Math.max(...ours(result).map(({ bundle }) => bundle.minifiedBytes)) / 1e6;
  const plain = Math.max(...ours(result).map(({ bundle }) => bundle.bytes)) / 1e6;
  return `Each function as one file with its npm packages, made by \`deno bundle\` (esbuild). Goal: under
${GOAL_BUNDLE_MB} MB. The largest has ${figure(minified)} MB minified (${
    verdict(minified < GOAL_BUNDLE_MB)
  }) and ${figure(plain)} MB with all names, comments and spaces (${
    verdict(plain < GOAL_BUNDLE_MB)
  }); the platform's own limit is 20 MB. The last table says what create-session's ${
    figure((result.functions["create-session"]?.bundle.bytes ?? 0) / 1e6)
  } MB are made of${zodText(result)}.`;
}

/** The one part that is there twice. */
function zodText({ functions }: ColdStartResult): string {
  const parts = Object.entries(functions["create-session"]?.bundle.parts ?? {});
  const bytes = (...words: string[]) =>
    parts.filter(([name]) => words.every((word) => name.includes(word)))
      .reduce((sum, [, size]) => sum + size, 0) / 1e6;
  const [both, second, languages] = [bytes("zod"), bytes("zod", "SDK"), bytes("zod", "languages")];
  return second === 0
    ? ""
    : `: ${figure(both)} of them are zod, which is there twice because the SDK is CommonJS and
takes another build of it (${figure(second)} MB), each with its texts in all languages (${
      figure(languages)
    } MB in all)`;
}

function bundleTable(result: ColdStartResult): string {
  return table(
    [
      "function",
      "own modules",
      "own KB",
      "modules in the bundle",
      "MB",
      "MB minified",
      "MB gzipped",
    ],
    ours(result).map(({ name, bundle }) => [
      name,
      String(bundle.ownModules),
      figure(bundle.ownBytes / 1e3),
      String(bundle.modules),
      figure(bundle.bytes / 1e6),
      figure(bundle.minifiedBytes / 1e6),
      figure(bundle.gzippedBytes / 1e6),
    ]),
  );
}

function partTable({ functions }: ColdStartResult): string {
  const parts = Object.entries(functions["create-session"]?.bundle.parts ?? {});
  return table(
    ["part", "KB"],
    parts.sort(([, a], [, b]) => b - a).map(([name, bytes]) => [name, figure(bytes / 1e3)]),
  );
}
