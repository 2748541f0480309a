/**
 * Fetches what programs import, exactly as the lock files say: `deno run -A tools/fetch.ts [--functions] <folder> …`.
 *
 * The one step that needs a network. Everything afterwards runs from Deno's cache alone, with an environment that may lack
 * what a download needs.
 *
 * @module
 */

import { join } from "@std/path/mod.js";
import { findFunctions } from "../local/functions/environment.ts";
import { functionArgs, functionsLock } from "../local/functions/resolution.ts";
import { ROOT } from "../local/paths.ts";
import config from "./deno.json" with { type: "json" };

/** Exit codes, for run.mjs. */
const PROBLEM = 1;
const FUNCTION_PROBLEM = 3;

async function cache(...args: string[]): Promise<boolean> {
  const child = new Deno.Command(Deno.execPath(), { args: ["cache", ...args], cwd: ROOT }).spawn();
  return (await child.status).success;
}

/** Goes on after a function that cannot be fetched, or even read: the others are needed all the same. */
async function fetchFunctions(): Promise<boolean> {
  const lock = functionsLock(ROOT);
  let success = true;
  for (const { folder } of await findFunctions(ROOT)) {
    const fetched = await cache(...functionArgs(folder, lock), join(folder, "index.ts"));
    success = success && fetched;
  }
  return success;
}

if (import.meta.main) {
  const folders = Deno.args.filter((arg) => !arg.startsWith("--"));
  // It is run by its name, which no module imports.
  const programs = folders.includes("tools") ? [config.imports.typescript] : [];
  if (!await cache("--quiet", "--frozen", ...folders, ...programs)) Deno.exit(PROBLEM);
  if (Deno.args.includes("--functions") && !await fetchFunctions()) Deno.exit(FUNCTION_PROBLEM);
}
