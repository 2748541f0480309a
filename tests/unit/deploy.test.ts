import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert/mod.js";
import { join } from "@std/path/mod.js";
import { commandLine, deployCommands } from "../../tools/deploy/commands.ts";
import { describePlan } from "../../tools/deploy/plan.ts";
import { type Environment, readSettings } from "../../tools/deploy/settings.ts";

const REF = "abcdefghijklmnopqrst";
const TOKEN = { SUPABASE_ACCESS_TOKEN: "sbp_x" };

async function withRoot(use: (root: string) => Promise<void>): Promise<void> {
  const root = await Deno.makeTempDir({ prefix: "acontext-sessions-deploy-" });
  try {
    await Deno.mkdir(join(root, "supabase", ".temp"), { recursive: true });
    await use(root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

const settingsOf = (env: Environment, root: string) =>
  readSettings(env, { root, isSignedIn: () => Promise.resolve(false) });

Deno.test("a deployment needs a token, or somebody who is signed in", async () => {
  await withRoot(async (root) => {
    const env = { PROJECT_REF: REF };
    await assertRejects(() => settingsOf(env, root), Error, "SUPABASE_ACCESS_TOKEN is not set");
    const isSignedIn = () => Promise.resolve(true);
    assertEquals((await readSettings(env, { root, isSignedIn })).projectRef, REF);
  });
});

Deno.test("a deployment goes to the project that the environment names, else to the linked one", async () => {
  await withRoot(async (root) => {
    await assertRejects(() => settingsOf(TOKEN, root), Error, "PROJECT_REF is not set");
    await Deno.writeTextFile(join(root, "supabase", ".temp", "project-ref"), `${REF}\n`);
    assertEquals(await settingsOf(TOKEN, root), { projectRef: REF, database: REF });
    const other = "zyxwvutsrqponmlkjihg";
    assertEquals(await settingsOf({ ...TOKEN, PROJECT_REF: other }, root), {
      projectRef: other,
      database: other,
    });
  });
});

Deno.test("the address of a database is used and shown without its password", async () => {
  await withRoot(async (root) => {
    const database = "postgresql://postgres.ref:se%20cret@pooler.example:5432/postgres";
    const env = { ...TOKEN, PROJECT_REF: REF, PROJECT_DB_URL: database };
    const settings = await settingsOf(env, root);
    const [push, deploy] = deployCommands(settings, { root, dist: "d", functionsOnly: false });
    assertEquals(push?.args[2], `--remote=${database}`);
    assertEquals(deploy?.args[2], `--remote=${REF}`);
    assertEquals(
      push && commandLine(push),
      `supabase db push --remote=postgresql://postgres.ref:…@pooler.example:5432/postgres --include-all --yes --workdir ${root}`,
    );
  });
});

Deno.test("only the functions are deployed when only they are wanted", () => {
  const commands = deployCommands({ projectRef: REF, database: REF }, {
    root: "r",
    dist: "d",
    functionsOnly: true,
  });
  assertEquals(commands.map(({ purpose }) => purpose), ["deploy the functions"]);
});

Deno.test("a plan says which of the secrets that are needed are there, or why that is not known", () => {
  const plan = (deployed: Parameters<typeof describePlan>[0]["deployed"]) =>
    describePlan({
      migrations: [],
      functions: [],
      secrets: ["ONE", "TWO"],
      deployed,
      commands: [],
    });
  const known = plan({ functions: new Map(), secrets: new Set(["TWO", "THREE"]) });
  assertStringIncludes(known, "\n  ONE: MISSING, set it with: npx supabase secrets set ONE=…\n");
  assertStringIncludes(known, "\n  TWO: set\n");
  assertEquals(known.includes("THREE"), false);
  assertEquals(plan(null).includes("secrets"), false);
  assertStringIncludes(plan("nobody is signed in"), "\n  ONE: not asked: nobody is signed in\n");
});
