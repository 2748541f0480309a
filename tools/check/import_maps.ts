/**
 * The functions' import maps: identical, exact, and the same versions as the project's own.
 *
 * @module
 */

import { join } from "@std/path/mod.js";
import { z } from "zod";
import { findFunctions } from "../../local/functions/environment.ts";
import { ROOT } from "../../local/paths.ts";
import type { Report } from "./report.ts";

const configSchema = z.object({ imports: z.record(z.string(), z.string()) });
const EXACT = /^npm:\/?(@[\w.-]+\/)?[\w.-]+@\d+\.\d+\.\d+(\/.*)?$/;

async function importsOf(folder: string): Promise<Record<string, string>> {
  const text = await Deno.readTextFile(join(ROOT, folder, "deno.json"));
  return configSchema.parse(JSON.parse(text)).imports;
}

export async function checkImportMaps(report: Report): Promise<void> {
  const project = await importsOf(".");
  const problems: string[] = [];
  const maps = new Set<string>();
  for (const [name, target] of Object.entries(project)) {
    // Our own parts, under the names that their users import.
    if (target.startsWith("./")) continue;
    if (!EXACT.test(target)) problems.push(`deno.json: "${name}" is not an exact npm version`);
  }
  for (const { name } of await findFunctions(ROOT)) {
    const imports = await importsOf(join("supabase", "functions", name));
    maps.add(JSON.stringify(Object.entries(imports).sort()));
    for (const [specifier, target] of Object.entries(imports)) {
      if (project[specifier] !== target) {
        problems.push(`${name}: "${specifier}" is "${target}", deno.json has another version`);
      }
    }
  }
  if (maps.size > 1) problems.push("The functions' import maps differ");
  report.add("import maps", problems.length === 0 ? null : problems.join("\n"));
}
