/** Copies of the project to change: one with every mutant of the core behind its switch, one to type-check. @module */

import { existsSync } from "node:fs";
import { dirname, join, relative } from "@std/path/mod.js";
import { ROOT } from "../../../local/paths.ts";
import { outputOf } from "../command.ts";
import { type Mutant, nameMutants } from "../mutant.ts";
import { instrument } from "./instrument.ts";

const FUNCTIONS = join("supabase", "functions");
const CORE = join(FUNCTIONS, "_acontext_sessions", "core");

/** A mutant and the id of its switch. */
export interface CoreMutant {
  id: string;
  mutant: Mutant;
}

export interface Workspace {
  /** Of the copy with the switches. */
  switched: string;
  /** Of the copy whose files are as they were. */
  plain: string;
  mutants: CoreMutant[];
  /** Paths relative to the root. */
  files: readonly string[];
  /** The original sources, by path relative to the root. */
  sources: ReadonlyMap<string, string>;
}

/** @param folder Empty, for the copies. */
export async function makeWorkspace(folder: string): Promise<Workspace> {
  const [switched, plain] = [join(folder, "switched"), join(folder, "plain")];
  const files = await projectFiles();
  for (const copy of [switched, plain]) await copyTo(files, copy);
  const paths = files.filter((path) => path.startsWith(CORE) && path.endsWith(".ts"));
  const sources = new Map<string, string>();
  for (const path of paths) sources.set(path, await Deno.readTextFile(join(ROOT, path)));
  const instrumented = await instrument(sources);
  for (const [path, text] of instrumented.sources) {
    await Deno.writeTextFile(join(switched, path), text);
  }
  const mutants = [...sources].flatMap(([file, text]) => {
    const own = instrumented.edits.filter(({ path }) => path === file);
    const named = nameMutants(own.map(({ edit }) => edit), { file, text });
    return named.map((mutant, i) => ({ id: own[i]?.id ?? "", mutant }));
  });
  return { switched, plain, mutants, files, sources };
}

/** What git knows, and what is new and not ignored. */
async function projectFiles(): Promise<string[]> {
  const { success, text } = await outputOf("git", {
    args: ["ls-files", "--cached", "--others", "--exclude-standard"],
  });
  if (!success) throw new Error(`Cannot list the project's files: ${text}`);
  // Without those that were removed, but for git not yet.
  return [...new Set(text.split("\n"))].filter((path) =>
    path !== "" && existsSync(join(ROOT, path))
  );
}

async function copyTo(files: readonly string[], folder: string): Promise<void> {
  for (const path of files) {
    const target = join(folder, path);
    await Deno.mkdir(dirname(target), { recursive: true });
    await Deno.copyFile(join(ROOT, path), target);
  }
}

/** Runs `use` while the mutant is in the plain copy. */
export async function withMutant<T>(
  { plain, sources }: Workspace,
  { file, start, end, replacement }: Mutant,
  use: () => Promise<T>,
): Promise<T> {
  const [path, text] = [join(plain, file), sources.get(file) ?? ""];
  await Deno.writeTextFile(path, text.slice(0, start) + replacement + text.slice(end));
  try {
    return await use();
  } finally {
    await Deno.writeTextFile(path, text);
  }
}

/** The functions of the plain copy in a folder of their own: modules are loaded once for each path. */
export async function copyFunctions({ plain, files }: Workspace, folder: string): Promise<void> {
  for (const path of files) {
    if (!path.startsWith(FUNCTIONS) || !path.endsWith(".ts")) continue;
    const target = join(folder, relative(FUNCTIONS, path));
    await Deno.mkdir(dirname(target), { recursive: true });
    await Deno.copyFile(join(plain, path), target);
  }
}

/** Paths of tests, relative to the workspace. */
export async function findUnitTests(folder: string, below = "tests/unit"): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(join(folder, below))) {
    const path = `${below}/${name}`;
    if (isDirectory) found.push(...await findUnitTests(folder, path));
    else if (name.endsWith(".test.ts")) found.push(relative(folder, join(folder, path)));
  }
  return found.toSorted();
}
