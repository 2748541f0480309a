/** What the first request after a pause waits for. @module */

import { fromFileUrl } from "@std/path/mod.js";
import { findFunctions } from "../../local/functions/environment.ts";
import { ROOT } from "../../local/paths.ts";
import { withWorld } from "../../tests/integration/support/world.ts";
import { withTestStack } from "../../tests/support/test_stack.ts";
import { benchmark } from "../benchmark.ts";
import { boot } from "./boot.ts";
import { bundle } from "./bundle.ts";
import { importSteps, importTime } from "./imports.ts";
import { makeProbes } from "./probes.ts";
import { report } from "./report.ts";
import { type ColdStartResult, resultSchema } from "./result.ts";

const ROUNDS = { full: 11, quick: 1 };
/** Two of them show whether it works. */
const IN_QUICK = ["create-session", "session-messages"];
/** Compared with the others: the same process without our modules. */
const EMPTY = { name: "empty", folder: fromFileUrl(new URL("./empty", import.meta.url)) };
/** Whose imports are taken apart; the others import the same packages. */
const TAKEN_APART = "create-session";

export const coldStart = benchmark({
  name: "cold_start",
  title: "Cold start of the functions",
  schema: resultSchema,
  report,
  async run({ scale, log }) {
    const ours = await findFunctions(ROOT);
    const functions = [
      EMPTY,
      ...(scale === "full" ? ours : ours.filter(({ name }) => IN_QUICK.includes(name))),
    ];
    const result: ColdStartResult = { functions: {}, steps: [] };
    for (const { name, folder } of functions) {
      log(`bundle: ${name}`);
      result.functions[name] = { bundle: await bundle(folder), imports: [], boots: [] };
    }
    await withTestStack({}, (stack) =>
      withWorld(stack.info, async (world) => {
        const probes = await makeProbes(world);
        for (let round = 1; round <= ROUNDS[scale]; round++) {
          log(`round ${round} of ${ROUNDS[scale]}`);
          for (const { name, folder } of functions) {
            const probe = probes[name];
            if (probe === undefined) throw new Error(`Cannot measure "${name}": it has no probe`);
            const times = result.functions[name];
            times?.imports.push(await importTime(folder));
            times?.boots.push(await boot(stack, { name, folder, probe }));
            if (name === TAKEN_APART) result.steps.push(await importSteps(folder));
          }
          functions.push(...functions.splice(0, 1));
        }
      }));
    return result;
  },
});
