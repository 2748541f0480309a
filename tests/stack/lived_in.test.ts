import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert/mod.js";
import { join } from "@std/path/mod.js";
import postgres from "postgres";
import { runToEnd } from "../../local/child_process.ts";
import { ROOT, supabaseCli } from "../../local/paths.ts";
import { debianProblem } from "../../local/postgres/debian.ts";
import { startStack } from "../../local/stack.ts";
import { addMigrations, createLivedInProject } from "../support/lived_in.ts";
import { difference, NONE, snapshot } from "../support/snapshot.ts";

/** A project that an app lives in, and that does not have our migrations yet. */
interface World {
  kind: "embedded" | "debian";
  projectDir: string;
  /** Role `postgres`, one connection. */
  sql: postgres.Sql;
  /** The superuser. */
  admin: postgres.Sql;
  /** The CLI, against the database. */
  cli(...args: string[]): Promise<string>;
}

async function withWorld(
  kind: World["kind"],
  use: (world: World) => Promise<void>,
): Promise<void> {
  const projectDir = await createLivedInProject(["before"]);
  const dataDir = await Deno.makeTempDir({ prefix: "stack-lived-in-" });
  const open = (url: string) => postgres(url, { max: 1, fetch_types: false, onnotice: () => {} });
  try {
    const stack = await startStack({ projectDir, dataDir, ports: "free", postgres: kind });
    const [sql, admin] = [open(stack.databaseUrl), open(stack.adminDatabaseUrl)];
    try {
      await use({
        kind,
        projectDir,
        sql,
        admin,
        async cli(...args) {
          const { success, output } = await runToEnd(
            supabaseCli(),
            [...args, `--remote=${stack.databaseUrl}`, "--workdir", projectDir],
            { cwd: projectDir, env: { PATH: "/usr/bin:/bin", HOME: dataDir, ...CLI_ENV } },
          );
          assert(success, output);
          return output;
        },
      });
    } finally {
      await sql.end({ timeout: 1 });
      await admin.end({ timeout: 1 });
      await stack.stop();
    }
  } finally {
    await Deno.remove(projectDir, { recursive: true });
    await Deno.remove(dataDir, { recursive: true });
  }
}

/** The last is stored in Vault by `db push`. */
const CLI_ENV = {
  DO_NOT_TRACK: "1",
  SUPABASE_TELEMETRY_DISABLED: "1",
  CI: "1",
  ACONTEXT_SESSIONS_PROJECT_URL: "http://127.0.0.1:1",
};

/** Names that only objects of ours have. */
const OURS = /acontext[-_]sessions|acontext_session_|session_mappings/;

/** `db push` applies what is missing and has nothing to remark. */
async function push({ cli }: World): Promise<string[]> {
  const output = await cli("db", "push", "--include-all", "--yes");
  assertEquals(/warn|notice|error/i.exec(output)?.input, undefined);
  return [...output.matchAll(/Applying migration (\d+)/g)].map(([, version = ""]) => version);
}

async function uninstall({ sql }: World): Promise<void> {
  const script = await Deno.readTextFile(join(ROOT, "supabase", "uninstall.sql"));
  try {
    await sql.unsafe(script);
  } catch (error) {
    await sql.unsafe("rollback");
    throw error;
  }
}

const ALICE = "a1111111-1111-4111-8111-111111111111";
const SESSION = "5e550000-0000-4000-8000-000000000001";

/** Makes one session whose remote resources exist. */
async function makeSession({ sql }: World): Promise<void> {
  const disk = "d15c0000-0000-4000-8000-000000000001";
  const lease = "1ea50000-0000-4000-8000-000000000001";
  await sql`select public.acontext_begin_session(${ALICE}, ${SESSION}, ${lease}, 60, '{}', false, null, null)`;
  await sql`select public.acontext_activate_session(${SESSION}, ${lease}, ${SESSION}, ${disk}, '{}', '{}', false)`;
}

/** Lets the queued deletion of the session end as a worker does that found all gone. */
async function settle({ sql }: World): Promise<void> {
  const lease = "1ea50000-0000-4000-8000-000000000002";
  const settlement = { id: SESSION, session: "deleted", disk: "deleted", disposition: "release" };
  await sql`select public.acontext_claim_deletions(${lease}, 1, 80)`;
  await sql`select public.acontext_settle_deletions(${lease}, ${sql.json([settlement])})`;
}

/** A policy of the app's calls a function that was made after ours came, and that nobody granted. */
async function policiesOfTheAppWork({ sql }: World): Promise<void> {
  await sql`insert into public.members (room_id, user_id) select r.id, ${ALICE} from public.rooms as r`;
  await sql.begin(async (tx) => {
    await tx`select set_config('request.jwt.claims', ${JSON.stringify({ sub: ALICE })}, true)`;
    await tx`set local role authenticated`;
    const [row] = await tx`select count(*)::integer as seen from public.members`;
    assertEquals(row?.["seen"], 1);
  });
}

/** The linter and the advisors find nothing. */
async function inspect({ admin, cli, kind }: World): Promise<void> {
  if (kind === "debian") {
    await admin`create extension plpgsql_check with schema extensions`;
    const schemas = ["--schema", "public,acontext_sessions"];
    await cli("db", "lint", ...schemas, "--level", "warning", "--fail-on", "warning");
  }
  await cli("db", "advisors", "--fail-on", "warn");
}

/** The script fails and says `why`. */
async function refused(world: World, why: string): Promise<void> {
  const error = await assertRejects(() => uninstall(world), postgres.PostgresError);
  assertStringIncludes(`${error.message}\n${error.detail}`, why);
}

for (const kind of ["embedded", "debian"] as const) {
  const problem = kind === "debian" ? await debianProblem() : null;
  Deno.test({
    name: `in a project that an app lives in, ours comes and goes without a trace (${kind})`,
    ignore: problem !== null,
    sanitizeOps: false,
    sanitizeResources: false,
    fn: () => withWorld(kind, comeAndGo),
  });
}

async function comeAndGo(world: World): Promise<void> {
  const { sql, admin, projectDir } = world;
  await sql`insert into auth.users (id, email) values (${ALICE}, 'alice@example.com')`;
  // The local stack has them ready; a hosted project does not.
  await sql`delete from vault.secrets where name like 'acontext_sessions_%'`;
  const before = await snapshot(admin);
  assert(before.size > 5_000);

  await addMigrations(projectDir, ["ours"]);
  const applied = await push(world);
  assert(applied.length >= 15);
  await makeSession(world);

  // Nothing of the app's has changed by our coming.
  const [app] = await sql`
    select private.clock()::date::text as clock, private.random() as random,
      public.begin_session(${ALICE}) as room, public.session_health() as health, public.acontext_greeting() as greeting,
      (select value from private.settings where name = 'session_ttl') as ttl,
      (select count(*)::integer from public.profiles) as profiles,
      (select decrypted_secret from vault.decrypted_secrets where name = 'project_url') as url`;
  assertEquals({ ...app, room: Number(app?.["room"]) }, {
    clock: "2000-01-01",
    random: 0.25,
    room: 1,
    health: "fine",
    greeting: "hello",
    ttl: "2 hours",
    profiles: 1,
    url: "https://app.example.com",
  });

  // All that it refuses, it leaves as it is.
  const installed = await snapshot(admin);
  await refused(world, "Cannot uninstall: 1 sessions and 0 queued deletions are left");
  await sql`delete from public.session_mappings where id = ${SESSION}`;
  await refused(world, "Cannot uninstall: 1 sessions and 1 queued deletions are left");
  await sql`set acontext_sessions.uninstall_anyway = 'yes'`;
  await sql`create view public.active as select s.id from public.session_mappings as s`;
  await refused(world, "view active depends on table session_mappings");
  await sql`drop view public.active`;
  await sql`reset acontext_sessions.uninstall_anyway`;
  assertEquals(difference(installed, await snapshot(admin)), NONE);

  // With nothing left, nothing has to be said.
  await settle(world);
  await uninstall(world);
  assertEquals(difference(before, await snapshot(admin)), NONE);
  await refused(world, "Nothing to uninstall");

  assertEquals(await push(world), applied);
  await makeSession(world);
  await addMigrations(projectDir, ["later"]);
  assertEquals((await push(world)).length, 1);
  await policiesOfTheAppWork(world);
  await inspect(world);

  // Who says so explicitly may leave everything behind.
  await sql`set acontext_sessions.uninstall_anyway = 'yes'`;
  await uninstall(world);
  const without = await snapshot(admin);
  assertEquals([...without].filter((line) => OURS.test(line)), []);

  // Half an installation goes too, without what is the app's.
  await sql`create table public.session_mappings (id bigint)`;
  await assertRejects(() => push(world), Error, "create_session_mappings");
  await refused(world, "Cannot uninstall: the table public.session_mappings is the app's");
  await sql`drop table public.session_mappings`;
  await uninstall(world);
  assertEquals(difference(without, await snapshot(admin)), NONE);
}
