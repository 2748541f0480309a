/**
 * One stack per data directory: a file says which process has it.
 *
 * @module
 */

import { join } from "@std/path/mod.js";
import { readJsonFile, removeIfExists, writeJsonFile } from "./json_file.ts";
import { commandLine } from "./process_info.ts";

interface Holder {
  pid: number;
  /** Tells the process from a later one with the same number. */
  command: string;
}

/** Takes the data directory for this process; a file of a run that was killed does not count. */
export async function takeDataDir(dataDir: string): Promise<{ release(): Promise<void> }> {
  const path = join(dataDir, "run.json");
  const holder = await readJsonFile<Holder>(path);
  if (holder !== null && await commandLine(holder.pid) === holder.command) {
    const who = holder.pid === Deno.pid ? "by this process" : `(process ${holder.pid})`;
    throw new Error(
      `Cannot start: the stack of ${dataDir} is already running ${who}. ` +
        `Use it, or stop it with Ctrl-C${holder.pid === Deno.pid ? "" : ` (kill ${holder.pid})`}`,
    );
  }
  const command = await commandLine(Deno.pid) ?? "";
  await writeJsonFile(path, { pid: Deno.pid, command } satisfies Holder);
  return { release: () => removeIfExists(path) };
}
