import { assertEquals } from "@std/assert/mod.js";
import { join } from "@std/path/mod.js";
import { runToEnd } from "../../local/child_process.ts";
import { applyMigrations } from "../../local/migrations.ts";
import { ROOT, supabaseCli } from "../../local/paths.ts";
import { shareStack, stackTest } from "./fixture.ts";

const shared = shareStack();

const URL_NAME = "ACONTEXT_SESSIONS_PROJECT_URL";

/** Makes the shared project have this project's config.toml, and one more migration that is not applied. */
async function addMigration(): Promise<void> {
  const folder = join(shared.projectDir, "supabase");
  await Deno.copyFile(join(ROOT, "supabase", "config.toml"), join(folder, "config.toml"));
  const names = await Array.fromAsync(Deno.readDir(join(folder, "migrations")));
  const version = 20270101000000 + names.length;
  await Deno.writeTextFile(join(folder, "migrations", `${version}_do_nothing.sql`), "select 1;");
}

/** `supabase db push`, as on the machine of somebody who has set these variables. */
async function push(env: Record<string, string>): Promise<void> {
  const { success, output } = await runToEnd(
    supabaseCli(),
    ["db", "push", `--remote=${shared.stack.databaseUrl}`, "--yes", "--workdir", shared.projectDir],
    {
      cwd: shared.projectDir,
      env: { PATH: "/usr/bin:/bin", HOME: shared.dataDir, DO_NOT_TRACK: "1", ...env },
    },
  );
  assertEquals(success, true, output);
}

async function secrets(): Promise<Record<string, string>> {
  const rows = await shared.sql<{ name: string; value: string }[]>`
    select name, decrypted_secret as value from vault.decrypted_secrets`;
  return Object.fromEntries(rows.map(({ name, value }) => [name, value]));
}

const HOSTED = { [URL_NAME]: "https://abc.supabase.co" };

stackTest("db push leaves Vault as it is when the variables are not set", async () => {
  const before = await secrets();
  await addMigration();
  await push({});
  assertEquals(await secrets(), before);
  await shared.sql`delete from vault.secrets where true`;
  await addMigration();
  await push({ [URL_NAME]: "", ACONTEXT_SESSIONS_SECRET_KEY: "sb_secret_of_a_shell" });
  assertEquals(await secrets(), {}, "nor does it store the text of config.toml, or a key");
});

stackTest("db push with a pending migration stores what the variables have", async () => {
  const expected = { acontext_sessions_project_url: "https://abc.supabase.co" };
  await addMigration();
  await push(HOSTED);
  assertEquals(await secrets(), expected);
  await push({ [URL_NAME]: "https://xyz.supabase.co" });
  assertEquals(await secrets(), expected, "without one it stores nothing: there is a command");
});

stackTest("the local stack takes no secret of a hosted project from .env", async () => {
  await shared.sql`delete from vault.secrets where true`;
  const lines = Object.entries(HOSTED).map(([name, value]) => `${name}=${value}\n`);
  for (const file of [".env", join("supabase", ".env")]) {
    await Deno.writeTextFile(join(shared.projectDir, file), lines.join(""));
  }
  await addMigration();
  const { projectDir, dataDir, sql, stack: { databaseUrl } } = shared;
  const applied = await applyMigrations({ projectDir, dataDir, databaseUrl, sql, log() {} });
  assertEquals([applied, await secrets()], [1, {}]);
});
