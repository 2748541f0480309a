/**
 * Where to deploy, and with whose rights. All that is missing is said at once.
 *
 * @module
 */

import { join } from "@std/path/mod.js";

export interface Settings {
  /** The first part of the project's URL. */
  projectRef: string;
  /** Where the migrations go: the project's database by its ref, or an address. */
  database: string;
}

export type Environment = Partial<Record<string, string>>;

/** Where `supabase link` keeps the ref. */
const LINKED_REF = join("supabase", ".temp", "project-ref");

/** The ref that the environment names, else the linked project's; null when there is none. */
export async function findProjectRef(env: Environment, root: string): Promise<string | null> {
  if (env["PROJECT_REF"]) return env["PROJECT_REF"];
  const linked = await Deno.readTextFile(join(root, LINKED_REF)).catch(() => "");
  return linked.trim() || null;
}

/** @throws {Error} that names everything that is missing or wrong, and what to do. */
export async function readSettings(
  env: Environment,
  { root, isSignedIn }: { root: string; isSignedIn: () => Promise<boolean> },
): Promise<Settings> {
  const problems: string[] = [];
  if (!env["SUPABASE_ACCESS_TOKEN"] && !await isSignedIn()) {
    problems.push(
      "SUPABASE_ACCESS_TOKEN is not set, and nobody is signed in: run `npx supabase login`, or make a token at " +
        "https://supabase.com/dashboard/account/tokens",
    );
  }
  const projectRef = await findProjectRef(env, root);
  if (projectRef === null) {
    problems.push(
      "PROJECT_REF is not set, and no project is linked: it is the first part of the project's URL, " +
        "https://<PROJECT_REF>.supabase.co",
    );
  } else if (!/^[a-z]{20}$/.test(projectRef)) {
    problems.push(`PROJECT_REF is "${projectRef}": a project ref has 20 lower-case letters`);
  }
  if (problems.length > 0 || projectRef === null) {
    throw new Error(["Cannot deploy:", ...problems.map((problem) => `  ${problem}`)].join("\n"));
  }
  return { projectRef, database: env["PROJECT_DB_URL"] || projectRef };
}
