/**
 * Applies `supabase/migrations` with the real CLI, when there is anything to apply.
 *
 * @module
 */

import { join } from "@std/path/mod.js";
import type postgres from "postgres";
import { runToEnd } from "./child_process.ts";
import { readJsonFile, writeJsonFile } from "./json_file.ts";
import { supabaseCli } from "./paths.ts";

async function digest(path: string): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", await Deno.readFile(path));
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Version and content of every migration of the project. */
async function readMigrations(projectDir: string): Promise<Map<string, string>> {
  const folder = join(projectDir, "supabase", "migrations");
  const migrations = new Map<string, string>();
  try {
    for await (const entry of Deno.readDir(folder)) {
      const version = /^(\d+)_.*\.sql$/.exec(entry.name)?.[1];
      if (version !== undefined) migrations.set(version, await digest(join(folder, entry.name)));
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return migrations;
}

/** The versions that the database says were applied. */
async function appliedVersions(sql: postgres.Sql): Promise<Set<string>> {
  const [row] = await sql<{ present: boolean }[]>`
    select to_regclass('supabase_migrations.schema_migrations') is not null as present`;
  if (!row?.present) return new Set();
  const rows = await sql<{ version: string }[]>`
    select version from supabase_migrations.schema_migrations`;
  return new Set(rows.map(({ version }) => version));
}

/** Brings the database up to date. Returns how many migrations were applied. */
export async function applyMigrations(options: {
  projectDir: string;
  dataDir: string;
  databaseUrl: string;
  sql: postgres.Sql;
  log: (line: string) => void;
}): Promise<number> {
  const { projectDir, dataDir, databaseUrl, sql, log } = options;
  const recordFile = join(dataDir, "migrations.json");
  const wanted = await readMigrations(projectDir);
  const applied = await appliedVersions(sql);
  const record = await readJsonFile<Record<string, string>>(recordFile) ?? {};

  for (const [version, content] of wanted) {
    const before = record[version];
    if (applied.has(version) && before !== undefined && before !== content) {
      log(
        `Migration ${version} was edited after it was applied here. ` +
          "Run `npm start -- --reset` to start over",
      );
    }
  }

  const missing = [...wanted.keys()].filter((version) => !applied.has(version));
  const foreign = [...applied].filter((version) => !wanted.has(version));
  if (missing.length === 0 && foreign.length === 0) return 0;
  if (foreign.length > 0) {
    const versions = foreign.toSorted();
    const what = `${versions.length} migration${versions.length === 1 ? "" : "s"}`;
    const range = [...new Set([versions.at(0), versions.at(-1)])].join(" to ");
    throw new Error(
      "Cannot apply the migrations: another version of this project made the local database. " +
        `It has ${what} that this one lacks (${range}). Run \`npm start -- --reset\` to start over ` +
        "with an empty one, or go back to the version that made it to keep its data",
    );
  }

  const result = await runToEnd(
    supabaseCli(),
    [
      ...["db", "push", `--remote=${databaseUrl}`, "--include-all", "--yes"],
      // The CLI also reads .env files, and those may be about a hosted project.
      ...["--skip-vault", "--workdir", projectDir],
    ],
    {
      cwd: projectDir,
      env: {
        PATH: Deno.env.get("PATH") ?? "/usr/bin:/bin",
        // The CLI keeps its own settings here; ours must not depend on those of the user.
        HOME: dataDir,
        SUPABASE_TELEMETRY_DISABLED: "1",
        DO_NOT_TRACK: "1",
        CI: "1",
      },
    },
  );
  await Deno.writeTextFile(join(dataDir, "logs", "migrations.log"), `${result.output}\n`, {
    append: true,
    mode: 0o600,
  });
  if (!result.success) {
    throw new Error(`Cannot apply the migrations: supabase db push failed:\n${result.output}`);
  }
  for (const version of missing) record[version] = wanted.get(version) ?? "";
  await writeJsonFile(recordFile, record);
  return missing.length;
}
