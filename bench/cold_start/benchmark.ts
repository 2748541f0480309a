/** What the first request after a pause waits for. @module */

import { fromFileUrl, join } from "@std/path/mod.js";
import { findFunctions } from "../../local/functions/environment.ts";
import { ROOT } from "../../local/paths.ts";
import { withWorld } from "../../tests/integration/support/world.ts";
import { type TestStack, withTestStack } from "../../tests/support/test_stack.ts";
import { buildFunctions } from "../../tools/bundle/project.ts";
import { benchmark } from "../benchmark.ts";
import { boot, type Probe } from "./boot.ts";
import { measureBundles } from "./bundle.ts";
import { importSteps, loadTime } from "./imports.ts";
import { makeProbes } from "./probes.ts";
import { headlines, report } from "./report.ts";
import { aggregate, FORMS, resultSchema, type Samples } from "./result.ts";

const ROUNDS = { full: 11, quick: 1 };
/** Two of them show whether it works. */
const IN_QUICK = ["create-session", "session-messages"];
/** Compared with the others: the same process without our modules. */
const EMPTY = { name: "empty", folder: fromFileUrl(new URL("./empty", import.meta.url)) };
/** Whose imports are taken apart; the others import the same packages. */
const TAKEN_APART = "create-session";

interface Subject {
  name: string;
  probe: Probe;
  bundle: string;
  sources: string;
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
    const samples: Samples = { functions: {}, empty: [], steps: [] };
    for (const [name, size] of await measureBundles(functions)) {
      const none = () => ({ loads: [], boots: [] });
      samples.functions[name] = { size, bundle: none(), sources: none() };
    }
    const outDir = await Deno.makeTempDir({ prefix: "acontext-sessions-bench-" });
    try {
      await buildFunctions(outDir);
      await withTestStack({}, (stack) =>
        withWorld(stack.info, async (world) => {
          const probes = await makeProbes(world);
          const subjects = functions.map(({ name, folder: sources }): Subject => {
            const probe = probes[name];
            if (probe === undefined) throw new Error(`Cannot measure "${name}": it has no probe`);
            return { name, probe, sources, bundle: join(outDir, "supabase", "functions", name) };
          });
          for (let round = 1; round <= ROUNDS[scale]; round++) {
            log(`round ${round} of ${ROUNDS[scale]}`);
            samples.empty.push(await boot(stack, { ...EMPTY, probe: probes.empty }));
            await measureRound(stack, subjects, samples);
            subjects.push(...subjects.splice(0, 1));
          }
        }));
    } finally {
      await Deno.remove(outDir, { recursive: true });
    }
    return aggregate(samples);
  },
});

async function measureRound(stack: TestStack, subjects: Subject[], samples: Samples) {
  for (const { name, probe, ...folders } of subjects) {
    for (const form of FORMS) {
      const starts = samples.functions[name]?.[form];
      const folder = folders[form];
      starts?.loads.push(await loadTime(folder));
      starts?.boots.push(await boot(stack, { name, folder, probe }));
    }
    if (name === TAKEN_APART) samples.steps.push(await importSteps(folders.sources));
  }
}
