/**
 * Fetches what programs import, exactly as the lock files say: `deno run -A tools/fetch.ts`.
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
import { FOLDERS } from "./locks.ts";
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
  // The compiler is run by its name, which no module imports.
  if (!await cache("--quiet", "--frozen", ...FOLDERS, config.imports.typescript)) {
    Deno.exit(PROBLEM);
  }
  if (!await fetchFunctions()) Deno.exit(FUNCTION_PROBLEM);
}
