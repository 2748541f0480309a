/**
 * The import maps: exact versions, one version of each package wherever it stands, and in the project's own map what the
 * functions have and nothing else. What only the stack, the tools, the tests or the benchmarks need stands in the
 * deno.json of their folder.
 *
 * @module
 */

import { join } from "@std/path/mod.js";
import { z } from "zod";
import { findFunctions } from "../../local/functions/environment.ts";
import { ROOT } from "../../local/paths.ts";
import type { Report } from "./report.ts";

type Imports = Record<string, string>;

const configSchema = z.object({
  workspace: z.array(z.string()).default([]),
  imports: z.record(z.string(), z.string()),
});
const manifestSchema = z.object({
  dependencies: z.record(z.string(), z.string()),
  devDependencies: z.record(z.string(), z.string()),
});
/** What the tests of the client install beside it. */
const APP = join("tests", "client", "packages", "package.json");
const EXACT = /^npm:\/?((?:@[\w.-]+\/)?[\w.-]+)@(\d+\.\d+\.\d+)(?:\/.*)?$/;

async function readConfig(folder: string): Promise<z.infer<typeof configSchema>> {
  const text = await Deno.readTextFile(join(ROOT, folder, "deno.json"));
  return configSchema.parse(JSON.parse(text));
}

/** As if they were an import map. */
async function readDependencies(file: string): Promise<Imports> {
  const manifest = manifestSchema.parse(JSON.parse(await Deno.readTextFile(join(ROOT, file))));
  const all = { ...manifest.dependencies, ...manifest.devDependencies };
  return Object.fromEntries(
    Object.entries(all).map(([name, version]) => [name, `npm:${name}@${version}`]),
  );
}

export async function checkImportMaps(report: Report): Promise<void> {
  const project = await readConfig(".");
  const functions = await Promise.all(
    (await findFunctions(ROOT)).map(({ name }) => join("supabase", "functions", name)),
  );
  const maps = new Map<string, Imports>([["deno.json", project.imports]]);
  for (const folder of [...project.workspace, ...functions]) {
    maps.set(join(folder, "deno.json"), (await readConfig(folder)).imports);
  }
  maps.set(APP, await readDependencies(APP));
  const problems = findVersionProblems(maps);
  for (const folder of functions) {
    const file = join(folder, "deno.json");
    if (canonical(maps.get(file)) !== canonical(project.imports)) {
      problems.push(`${file}: its imports are not those of deno.json`);
    }
  }
  report.add("import maps", problems.length === 0 ? null : problems.join("\n"));
}

function findVersionProblems(maps: Map<string, Imports>): string[] {
  const problems: string[] = [];
  const versions = new Map<string, { version: string; file: string }>();
  for (const [file, imports] of maps) {
    for (const [specifier, target] of Object.entries(imports)) {
      // Our own parts, under the names that their users import.
      if (/^\.\.?\//.test(target)) continue;
      const [, name, version] = EXACT.exec(target) ?? [];
      if (name === undefined || version === undefined) {
        problems.push(`${file}: "${specifier}" is not an exact npm version`);
        continue;
      }
      const first = versions.get(name);
      if (first === undefined) versions.set(name, { version, file });
      else if (first.version !== version) {
        problems.push(`${file}: ${name} is ${version}, but ${first.version} in ${first.file}`);
      }
    }
  }
  return problems;
}

function canonical(imports: Imports = {}): string {
  return JSON.stringify(Object.entries(imports).sort());
}
