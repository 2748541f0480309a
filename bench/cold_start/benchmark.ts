/** What the first request after a pause waits for. @module */

import { fromFileUrl, join } from "@std/path/mod.js";
import { findFunctions } from "../../local/functions/environment.ts";
import { ROOT } from "../../local/paths.ts";
import { withWorld } from "../../tests/integration/support/world.ts";
import { type TestStack, withTestStack } from "../../tests/support/test_stack.ts";
import { buildFunctions } from "../../tools/bundle/project.ts";
import { benchmark } from "../benchmark.ts";
import { summarise } from "../statistics.ts";
import { type Boot, boot, type Probe } from "./boot.ts";
import { type Bundle, measureBundles } from "./bundle.ts";
import { importSteps, loadTime, PACKAGES } from "./imports.ts";
import { makeProbes } from "./probes.ts";
import { headlines, report } from "./report.ts";
import { type ColdStartResult, type Form, FORMS, resultSchema, type Starts } from "./result.ts";

const ROUNDS = { full: 11, quick: 1 };
/** Two of them show whether it works. */
const IN_QUICK = ["create-session", "session-messages"];
/** Compared with the others: the same process without our modules. */
const EMPTY = { name: "empty", folder: fromFileUrl(new URL("./empty", import.meta.url)) };
/** Whose imports are taken apart; the others import the same packages. */
const TAKEN_APART = "create-session";

interface Subject {
  name: string;
  size: Bundle;
  probe: Probe;
  /** Where the function is. */
  folders: Record<Form, string>;
  samples: Record<Form, Samples>;
}

interface Samples {
  loads: number[];
  boots: Boot[];
}

export const coldStart = benchmark({
  name: "cold_start",
  title: "Cold start of the functions",
  schema: resultSchema,
  report,
  headlines,
  async run({ scale, log }) {
    const all = await findFunctions(ROOT);
    const functions = scale === "full" ? all : all.filter(({ name }) => IN_QUICK.includes(name));
    log("bundles");
    const sizes = await measureBundles(functions);
    const subjects: Subject[] = [];
    const empty: Boot[] = [];
    const steps: number[][] = [];
    const outDir = await Deno.makeTempDir({ prefix: "acontext-sessions-bench-" });
    try {
      await buildFunctions(outDir);
      await withTestStack({}, (stack) =>
        withWorld(stack.info, async (world) => {
          const probes = await makeProbes(world);
          for (const { name, folder: sources } of functions) {
            const [size, probe] = [sizes.get(name), probes[name]];
            if (size === undefined || probe === undefined) {
              throw new Error(`Cannot measure "${name}": it has no probe`);
            }
            const bundle = join(outDir, "supabase", "functions", name);
            const samples = { bundle: noSamples(), sources: noSamples() };
            subjects.push({ name, size, probe, folders: { bundle, sources }, samples });
          }
          for (let round = 1; round <= ROUNDS[scale]; round++) {
            log(`round ${round} of ${ROUNDS[scale]}`);
            empty.push(await boot(stack, { ...EMPTY, probe: probes.empty }));
            for (const subject of subjects) await measure(stack, subject);
            const takenApart = subjects.find(({ name }) => name === TAKEN_APART);
            if (takenApart) steps.push(await importSteps(takenApart.folders.sources));
            subjects.push(...subjects.splice(0, 1));
          }
        }));
    } finally {
      await Deno.remove(outDir, { recursive: true });
    }
    return resultOf(subjects, { empty, steps });
  },
});

function noSamples(): Samples {
  return { loads: [], boots: [] };
}

async function measure(stack: TestStack, { name, probe, folders, samples }: Subject) {
  for (const form of FORMS) {
    samples[form].loads.push(await loadTime(folders[form]));
    samples[form].boots.push(await boot(stack, { name, folder: folders[form], probe }));
  }
}

function resultOf(
  subjects: Subject[],
  { empty, steps }: { empty: Boot[]; steps: number[][] },
): ColdStartResult {
  const sorted = subjects.toSorted((a, b) => a.name.localeCompare(b.name));
  return {
    functions: Object.fromEntries(sorted.map(({ name, size, samples }) => [
      name,
      { size, bundle: startsOf(samples.bundle), sources: startsOf(samples.sources) },
    ])),
    empty: bootsOf(empty),
    steps: [...PACKAGES, "our own modules"].map((name, index) => ({
      name,
      time: summarise(steps.map((times) => times[index] ?? 0)),
    })),
  };
}

function startsOf({ loads, boots }: Samples): Starts {
  return { loaded: summarise(loads), ...bootsOf(boots) };
}

function bootsOf(boots: Boot[]) {
  return {
    listening: summarise(boots.map(({ listening }) => listening)),
    first: summarise(boots.map(({ first }) => first)),
    later: summarise(boots.flatMap(({ later }) => later)),
  };
}
