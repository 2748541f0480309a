/**
 * A project that had an app before it got ours.
 *
 * @module
 */

import { join } from "@std/path/mod.js";
import { ROOT } from "../../local/paths.ts";

const APP = join(ROOT, "tests", "support", "lived_in");
const OURS = join(ROOT, "supabase", "migrations");

/** `before` and `later` are the app's migrations, around ours. */
export type Part = "before" | "ours" | "later";

async function filesOf(part: Part): Promise<string[]> {
  const folder = part === "ours" ? OURS : APP;
  const names = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
  const [first, last] = names.toSorted();
  if (part === "ours") return names.map((name) => join(folder, name));
  return [join(folder, (part === "before" ? first : last) ?? "")];
}

/** Adds the migrations of these parts to the project in `projectDir`. */
export async function addMigrations(projectDir: string, parts: Part[]): Promise<void> {
  const target = join(projectDir, "supabase", "migrations");
  await Deno.mkdir(target, { recursive: true });
  for (const file of (await Promise.all(parts.map(filesOf))).flat()) {
    await Deno.copyFile(file, join(target, file.slice(file.lastIndexOf("/") + 1)));
  }
}

/** Makes a project with these migrations, our config.toml and no functions, in a new temporary folder. */
export async function createLivedInProject(parts: Part[]): Promise<string> {
  const projectDir = await Deno.makeTempDir({ prefix: "lived-in-" });
  await addMigrations(projectDir, parts);
  await Deno.copyFile(
    join(ROOT, "supabase", "config.toml"),
    join(projectDir, "supabase", "config.toml"),
  );
  return projectDir;
}
