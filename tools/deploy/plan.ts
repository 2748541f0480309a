/**
 * What a deployment sends, for people to read and to compare.
 *
 * @module
 */

import { join } from "@std/path/mod.js";
import type { BuiltFunction } from "../bundle/project.ts";
import { type Command, commandLine } from "./commands.ts";
import type { Deployed } from "./deployed.ts";

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

/** `deployed`: what the project has already, or why that is not known; null when nobody wants to know. */
export function describePlan(
  { migrations, functions, secrets, deployed, commands }: {
    migrations: Migration[];
    functions: BuiltFunction[];
    /** Names of those that the functions cannot do without. */
    secrets: string[];
    deployed: Deployed | string | null;
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
    ...functions.map(({ path, verifyJwt, ...each }) =>
      row(
        { ...each, path: join("dist", path) },
        `  verify_jwt = ${verifyJwt}${describeDeployed(each.name, deployed)}`,
      )
    ),
    "",
    ...(deployed === null ? [] : [
      "Function secrets, which are not sent but have to be there:",
      ...secrets.map((name) => `  ${name}: ${describeSecret(name, deployed)}`),
      "",
    ]),
    "By:",
    ...commands.map((command) => `  ${commandLine(command)}`),
  ].join("\n");
}

function describeDeployed(name: string, deployed: Deployed | string | null): string {
  if (deployed === null || typeof deployed === "string") return "";
  const now = deployed.functions.get(name);
  return now === undefined
    ? "  (new)"
    : `  (replaces version ${now.version}, verify_jwt = ${now.verifyJwt})`;
}

function describeSecret(name: string, deployed: Deployed | string): string {
  if (typeof deployed === "string") return `not asked: ${deployed}`;
  if (deployed.secrets.has(name)) return "set";
  return `MISSING, set it with: npx supabase secrets set ${name}=…`;
}
