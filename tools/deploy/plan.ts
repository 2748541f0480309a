/**
 * What a deployment sends, for people to read and to compare.
 *
 * @module
 */

import { join } from "@std/path/mod.js";
import type { BuiltFunction } from "../bundle/project.ts";
import { type Command, commandLine } from "./commands.ts";

interface Migration {
  path: string;
  bytes: number;
  sha256: string;
}

/** The project's migrations. Which of them are missing, only the database knows. */
export async function readMigrations(root: string): Promise<Migration[]> {
  const folder = join("supabase", "migrations");
  const names: string[] = [];
  for await (const { name, isFile } of Deno.readDir(join(root, folder))) {
    if (isFile && name.endsWith(".sql")) names.push(name);
  }
  return await Promise.all(
    names.toSorted().map(async (name) => {
      const path = join(folder, name);
      const bytes = await Deno.readFile(join(root, path));
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
      return { path, bytes: bytes.length, sha256: digest.toHex() };
    }),
  );
}

export function describePlan(
  { migrations, functions, commands }: {
    migrations: Migration[];
    functions: BuiltFunction[];
    commands: Command[];
  },
): string {
  const row = ({ sha256, bytes, path }: Migration, note = "") =>
    `  ${sha256}  ${String(bytes).padStart(7)}  ${path}${note}`;
  return [
    ...(migrations.length === 0 ? [] : [
      "Migrations, each if the database lacks it:",
      ...migrations.map((migration) => row(migration)),
      "",
    ]),
    "Functions, each one file:",
    ...functions.map((each) =>
      row({ ...each, path: join("dist", each.path) }, `  verify_jwt = ${each.verifyJwt}`)
    ),
    "",
    "By:",
    ...commands.map((command) => `  ${commandLine(command)}`),
  ].join("\n");
}
