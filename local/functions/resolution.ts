/**
 * How a function's imports are resolved: by its own import map and by the committed lock file, which is frozen, so that
 * fetching, checking, bundling and running mean the same bytes.
 *
 * The functions' deno.json say `"lock": false`, since older releases of the platform's runtime refuse a lock file of this
 * format beside a function. So the lock is named here. It goes with `--no-config`: with a deno.json, Deno also compares
 * the lock's list of direct packages, which then could serve functions with one and the same import map only.
 *
 * @module
 */

import { join, toFileUrl } from "@std/path/mod.js";
import { ROOT } from "../paths.ts";
import { entryPoint } from "./environment.ts";

/** The lock file of a project's functions; `null` when it has none. */
export function functionsLock(projectDir: string): string | null {
  const path = join(projectDir, "supabase", "functions", "deno.lock");
  return isFile(path) ? path : null;
}

/** The arguments of `deno` for the function in `folder`. */
export function functionArgs(folder: string, lock: string | null): string[] {
  const importMap = join(folder, "deno.json");
  return [
    "--quiet",
    // The project's package.json is not the function's business.
    "--node-modules-dir=none",
    "--no-config",
    ...(isFile(importMap) ? ["--import-map", importMap] : []),
    ...(lock === null ? ["--no-lock"] : ["--lock", lock, "--frozen"]),
  ];
}

/** The program that a function's process runs. */
export function entrySource(folder: string, options: { name: string; announcement: string }) {
  const host = toFileUrl(join(ROOT, "local", "function_host.ts")).href;
  const index = toFileUrl(entryPoint(folder) ?? join(folder, "index.ts")).href;
  return `import { host } from ${JSON.stringify(host)};\n` +
    `import edgeFunction from ${JSON.stringify(index)};\n` +
    `host(edgeFunction, ${JSON.stringify(options)});\n`;
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
