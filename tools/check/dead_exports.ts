/**
 * Finds exported values that no other file names. Types are left out: many are exported for the reader of a signature.
 *
 * @module
 */

import { readdirSync } from "node:fs";
import { join, relative } from "@std/path/mod.js";
import { ROOT } from "../../local/paths.ts";
import type { Report } from "./report.ts";

const FOLDERS = ["bench", "client/src", "local", "ops", "supabase/functions", "tests", "tools"];
/** Imported by packages, in the bundles. */
const FOR_PACKAGES = join(ROOT, "tools", "bundle", "replacements");
const EXPORT = /^export (?:async )?(?:function\*?|const|let|class) (\w+)/gm;

export async function checkDeadExports(report: Report): Promise<void> {
  const sources = new Map<string, Set<string>>();
  const exported: { file: string; name: string }[] = [];
  for (const folder of FOLDERS) {
    for (const name of readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })) {
      const path = join(ROOT, folder, name);
      if (!name.endsWith(".ts") || name.endsWith("database.types.ts")) continue;
      const text = await Deno.readTextFile(path);
      sources.set(path, new Set(text.match(/\w+/g)));
      if (path.startsWith(FOR_PACKAGES)) continue;
      for (const [, name] of text.matchAll(EXPORT)) {
        if (name !== undefined) exported.push({ file: path, name });
      }
    }
  }
  const dead = exported.filter(({ file, name }) =>
    ![...sources].some(([path, words]) => path !== file && words.has(name))
  );
  report.add(
    "no dead exports",
    dead.length === 0
      ? null
      : dead.map(({ file, name }) => `${relative(ROOT, file)}: ${name}`).join("\n"),
  );
}
