/** Turns a mutant into something that can run: a changed copy of the code, changed SQL. @module */

import { join } from "@std/path/mod.js";
import postgres from "postgres";
import type { Variant } from "../bench.ts";
import { FUNCTIONS } from "../system.ts";
import { type Mutant, replaceOnce, type SqlPatch } from "./mutant.ts";

/** @param databaseUrl A database with the project's migrations, to read definitions from. */
export async function applyMutant(
  { code = [], sql = [] }: Mutant,
  { databaseUrl, workDir }: { databaseUrl: string; workDir: string },
): Promise<Variant> {
  const patches = sql.length === 0 ? [] : await definitions(sql, databaseUrl);
  if (code.length === 0) return { folder: null, patches };
  const folder = await Deno.makeTempDir({ dir: workDir });
  await copyCode(FUNCTIONS, folder);
  for (const patch of code) {
    const path = join(folder, "_acontext_sessions", patch.file);
    const changed = replaceOnce(await Deno.readTextFile(path), patch, patch.file);
    await Deno.writeTextFile(path, changed);
  }
  return { folder, patches };
}

async function definitions(patches: SqlPatch[], databaseUrl: string): Promise<string[]> {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} });
  const changed = new Map<string, string>();
  const statements: string[] = [];
  try {
    for (const patch of patches) {
      if ("statement" in patch) {
        statements.push(patch.statement);
        continue;
      }
      const [row] = await sql<{ text: string }[]>`
        select pg_get_functiondef(${patch.function}::regprocedure) as text`;
      const before = changed.get(patch.function) ?? row?.text ?? "";
      changed.set(patch.function, replaceOnce(before, patch, patch.function));
    }
  } finally {
    await sql.end();
  }
  return [...statements, ...changed.values()];
}

async function copyCode(from: string, to: string): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    const [source, target] = [join(from, name), join(to, name)];
    if (isDirectory) {
      await Deno.mkdir(target);
      await copyCode(source, target);
    } else if (name.endsWith(".ts")) await Deno.copyFile(source, target);
  }
}
