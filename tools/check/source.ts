/**
 * Format, lint and types of everything.
 *
 * @module
 */

import { join } from "@std/path/mod.js";
import { findFunctions } from "../../local/functions/environment.ts";
import { ROOT } from "../../local/paths.ts";
import { FOLDERS } from "../locks.ts";
import type { Report } from "./report.ts";

/** Runs Deno in the project. Returns what it printed when it failed, else null. */
async function deno(...args: string[]): Promise<string | null> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  if (success) return null;
  const decoder = new TextDecoder();
  return decoder.decode(stdout) + decoder.decode(stderr);
}

export async function checkSource(report: Report, { fix }: { fix: boolean }): Promise<void> {
  report.add("format", await deno("fmt", "--quiet", ...(fix ? [] : ["--check"])));
  report.add("lint", await deno("lint", "--quiet"));
  const lock = join("supabase", "functions", "deno.lock");
  // The functions are deployed with import maps of their own, so each is checked by its own.
  for (const { name } of await findFunctions(ROOT)) {
    const folder = join("supabase", "functions", name);
    report.add(
      `types of ${name}`,
      await deno(
        ...["check", "--quiet", "--lock", lock, "--frozen", "--node-modules-dir=none"],
        ...["--config", join(folder, "deno.json"), join(folder, "index.ts")],
      ),
    );
  }
  report.add(`types of ${FOLDERS.join(", ")}`, await deno("check", "--quiet", ...FOLDERS));
}
