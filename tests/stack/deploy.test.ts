import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert/mod.js";
import { basename, join } from "@std/path/mod.js";
import postgres from "postgres";
import { denoEnvironment } from "../../local/deno_environment.ts";
import { ROOT } from "../../local/paths.ts";
import { readProjectConfig } from "../../local/project_config.ts";
import { startStack } from "../../local/stack.ts";
import { buildFunctions } from "../../tools/bundle/project.ts";
import { deployCommands, runCommands } from "../../tools/deploy/commands.ts";
import { readDeployed } from "../../tools/deploy/deployed.ts";
import { readMigrations } from "../../tools/deploy/plan.ts";
import { stackTest } from "./fixture.ts";
import { withManagementApi } from "./management_api.ts";

const REF = "abcdefghijklmnopqrst";
const TOKEN = `sbp_${"0".repeat(40)}`;

async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "acontext-sessions-deploy-" });
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A project with a database in which nothing of ours is. */
async function withEmptyDatabase(
  folder: string,
  use: (databaseUrl: string) => Promise<void>,
): Promise<void> {
  const projectDir = join(folder, "empty");
  await Deno.mkdir(join(projectDir, "supabase"), { recursive: true });
  await Deno.writeTextFile(join(projectDir, "supabase", "config.toml"), 'project_id = "empty"\n');
  const stack = await startStack({ projectDir, dataDir: join(folder, "data"), ports: "free" });
  try {
    await use(stack.databaseUrl);
  } finally {
    await stack.stop();
  }
}

/** The CLI's environment, and nothing of ours. */
function cliEnvironment(folder: string, profile: string) {
  return {
    PATH: Deno.env.get("PATH") ?? "/usr/bin:/bin",
    HOME: folder,
    SUPABASE_PROFILE: profile,
    SUPABASE_ACCESS_TOKEN: TOKEN,
    SUPABASE_NO_KEYRING: "1",
  };
}

/** The same for `tools/deploy.ts`, which runs on the Deno cache that the home directory has. */
function deployEnvironment(folder: string, profile: string) {
  const { HOME: _home, ...rest } = cliEnvironment(folder, profile);
  return { ...rest, SUPABASE_HOME: folder, PROJECT_REF: REF };
}

async function runDeploy(args: string[], env: Record<string, string>, permissions: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--cached-only", ...permissions, "tools/deploy.ts", ...args],
    cwd: ROOT,
    clearEnv: true,
    env: { ...denoEnvironment(), ...env },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), error: decoder.decode(stderr) };
}

stackTest(
  "a deployment pushes the migrations, then sends each bundle as one file and nothing else",
  async () => {
    await withFolder((folder) =>
      withEmptyDatabase(
        folder,
        (databaseUrl) =>
          withManagementApi({ folder, token: TOKEN }, async ({ profile, uploads, released }) => {
            const dist = join(folder, "dist");
            const built = await buildFunctions(dist);
            const settings = { projectRef: REF, database: databaseUrl };
            const commands = deployCommands(settings, { root: ROOT, dist, functionsOnly: false });
            await runCommands(commands, cliEnvironment(folder, profile));

            const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} });
            const applied = await sql<{ version: string }[]>`
          select m.version from supabase_migrations.schema_migrations as m order by m.version`;
            await sql.end();
            const versions = (await readMigrations(ROOT)).map(({ path }) =>
              basename(path).slice(0, 14)
            );
            assertEquals(
              applied.map(({ version }) => version),
              versions,
            );

            const { functions } = await readProjectConfig(ROOT);
            assertEquals(
              uploads.map(({ slug }) => slug).toSorted(),
              Object.keys(functions).toSorted(),
            );
            for (const { slug, metadata, files } of uploads) {
              const path = `supabase/functions/${slug}/index.js`;
              assertEquals(files.map(({ name }) => name), [path]);
              assertEquals(files[0]?.bytes, await Deno.readFile(join(dist, path)));
              assertEquals(metadata, {
                name: slug,
                verify_jwt: functions[slug]?.verify_jwt ?? true,
                entrypoint_path: path,
                import_map_path: "",
                static_patterns: [],
              });
            }
            const wanted = built.map(({ name, verifyJwt }) => [name, verifyJwt]);
            assertEquals(released.map((each) => [each.slug, each.verify_jwt]).toSorted(), wanted);
          }),
      )
    );
  },
);

Deno.test("no function is sent when the migrations cannot be pushed", async () => {
  await withFolder((folder) =>
    withManagementApi({ folder, token: TOKEN }, async ({ profile, uploads }) => {
      const database = "postgresql://postgres:x@127.0.0.1:1/postgres?sslmode=disable";
      const settings = { projectRef: REF, database };
      const commands = deployCommands(settings, { root: ROOT, dist: folder, functionsOnly: false });
      const error = await assertRejects(
        () => runCommands(commands, cliEnvironment(folder, profile)),
        Error,
        "Cannot push the migrations",
      );
      assertStringIncludes(error.message, "Nor did this deploy the functions");
      assertEquals(uploads, []);
    })
  );
});

Deno.test("a dry run needs no network and no rights, and lists all that would be sent", async () => {
  const local = ["--allow-read", "--allow-write", "--allow-run", "--allow-env", "--allow-sys"];
  const { code, out, error } = await runDeploy(["--dry-run"], {}, local);
  assertEquals([code, error], [0, ""]);
  await withFolder(async (folder) => {
    for (const { sha256, path, verifyJwt } of await buildFunctions(folder)) {
      const line = out.split("\n").find((each) => each.includes(sha256)) ?? "";
      assert(line.endsWith(`dist/${path}  verify_jwt = ${verifyJwt}`), path);
    }
  });
  for (const { sha256, path } of await readMigrations(ROOT)) {
    assert(out.split("\n").some((line) => line.includes(sha256) && line.endsWith(path)), path);
  }
  assertStringIncludes(out, "supabase db push --remote=");
  assertStringIncludes(out, "supabase functions deploy --remote=");
  assertStringIncludes(out, "ACONTEXT_API_KEY: not asked: no");
  assertStringIncludes(out, "Nothing was sent");
});

Deno.test("a dry run shows to the byte what a deployment sends, and sends nothing", async () => {
  const functions = [{ slug: "create-session", version: 3, verify_jwt: true }];
  const project = { functions, secrets: ["SUPABASE_URL"] };
  await withFolder((folder) =>
    withManagementApi({ folder, token: TOKEN, project }, async ({ profile, uploads, asked }) => {
      const env = deployEnvironment(folder, profile);
      const { code, out, error } = await runDeploy(["--dry-run", "--functions-only"], env, ["-A"]);
      assertEquals([code, error], [0, ""]);
      assertEquals(asked.filter((route) => !route.startsWith("GET ")), []);

      const dist = join(folder, "dist");
      await buildFunctions(dist);
      const settings = { projectRef: REF, database: REF };
      await runCommands(deployCommands(settings, { root: ROOT, dist, functionsOnly: true }), env);
      const sent = uploads.map(async ({ slug, metadata, files: [file] }) => {
        const bytes = new Uint8Array(file?.bytes ?? []);
        const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
        const before = slug === "create-session"
          ? "(replaces version 3, verify_jwt = true)"
          : "(new)";
        return [
          `  ${hash}`,
          `${bytes.length}`.padStart(7),
          join("dist", metadata.entrypoint_path),
          `verify_jwt = ${metadata.verify_jwt}`,
          before,
        ].join("  ");
      });
      const lines = out.split("\n");
      const shown = lines.filter((line) => line.includes("verify_jwt"));
      assertEquals(shown.toSorted(), (await Promise.all(sent)).toSorted());
      assert(
        lines.includes(
          "  ACONTEXT_API_KEY: MISSING, set it with: npx supabase secrets set ACONTEXT_API_KEY=…",
        ),
        out,
      );
    })
  );
});

Deno.test("what a project has cannot be read without its rights, and the CLI says so", async () => {
  await withFolder((folder) =>
    withManagementApi({ folder, token: "another" }, async ({ profile }) => {
      await assertRejects(
        () => readDeployed(REF, cliEnvironment(folder, profile)),
        Error,
        "401",
      );
    })
  );
});

Deno.test("a deployment says at once all that is missing", async () => {
  await withFolder(async (home) => {
    const env = { PROJECT_REF: "my-project", SUPABASE_HOME: home, SUPABASE_NO_KEYRING: "1" };
    const { code, out, error } = await runDeploy([], env, ["-A"]);
    assertEquals([code, out], [1, ""]);
    assertStringIncludes(error, "SUPABASE_ACCESS_TOKEN is not set, and nobody is signed in");
    assertStringIncludes(error, 'PROJECT_REF is "my-project": a project ref has 20 lower-case');
  });
});
