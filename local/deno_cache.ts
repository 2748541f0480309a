/**
 * Fetching the packages of the programs we start.
 *
 * They run with an environment that lacks what a download may need (proxies, certificates, registry settings), so
 * their imports are fetched beforehand with ours. With everything in the cache this takes some milliseconds.
 *
 * @module
 */

import { join } from "@std/path/mod.js";

/** The arguments of `deno` that decide how a function's imports are resolved; the same for fetching and running. */
export function functionArgs(configFile: string | null): string[] {
  return [
    "--quiet",
    "--no-lock",
    // The project's package.json is not the function's business.
    "--node-modules-dir=none",
    ...(configFile === null ? ["--no-config"] : ["--config", configFile]),
  ];
}

/** A function's configuration, if it has one. */
export function functionConfig(folder: string): string | null {
  const path = join(folder, "deno.json");
  try {
    return Deno.statSync(path).isFile ? path : null;
  } catch {
    return null;
  }
}

/** Fetches what `module` imports. Says what went wrong, and leaves it to the program itself to fail. */
export async function fetchImports(
  name: string,
  module: string,
  args: string[],
  log: (line: string) => void,
): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["cache", ...args, module],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) log(`[${name}] ${new TextDecoder().decode(stderr).trim()}`);
}
