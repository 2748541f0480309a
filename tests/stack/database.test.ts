import { assert, assertEquals, assertRejects } from "@std/assert/mod.js";
import { join } from "@std/path/mod.js";
import postgres from "postgres";
import { exists } from "../../local/json_file.ts";
import { startStack } from "../../local/stack.ts";
import { eventually } from "../support/eventually.ts";
import { createProject, shareStack, stackTest } from "./fixture.ts";

const shared = shareStack();

stackTest("database roles are those of the platform", async () => {
  const rows = await shared.sql`
    select rolname as name, rolsuper as super, rolbypassrls as bypass, rolcanlogin as login, rolinherit as inherit,
      rolcreaterole as roles
    from pg_roles
    where rolname in ('postgres', 'anon', 'authenticated', 'service_role', 'authenticator', 'supabase_auth_admin')
    order by rolname`;
  const short = rows.map((row) => [
    row["name"],
    ["super", "bypass", "login", "inherit", "roles"].filter((flag) => row[flag]).join(" "),
  ]);
  assertEquals(short, [
    ["anon", "inherit"],
    ["authenticated", "inherit"],
    ["authenticator", "login"],
    ["postgres", "bypass login inherit roles"],
    ["service_role", "bypass inherit"],
    ["supabase_auth_admin", "login"],
  ]);
});

stackTest("database statement timeouts reach the API roles", async () => {
  await shared.sql`
    create function public.timeout() returns text language sql as
    $$ select current_setting('statement_timeout') $$`;
  const ask = async (key: string) =>
    await (await fetch(`${shared.stack.apiUrl}/rest/v1/rpc/timeout`, {
      method: "POST",
      headers: { apikey: key },
    })).json();
  await eventually("PostgREST knows of it", async () => {
    return await ask(shared.stack.publishableKey) === "3s";
  });
  assertEquals(await ask(shared.stack.secretKey), "8s");
});

stackTest(
  "database objects get no grants by default, functions keep EXECUTE for PUBLIC",
  async () => {
    await shared.sql`create table public.bare (id int)`;
    await shared.sql`create function public.bare_function() returns int language sql as 'select 1'`;
    const [row] = await shared.sql`
    select
      has_table_privilege('anon', 'public.bare', 'select') as anon,
      has_table_privilege('service_role', 'public.bare', 'select') as service,
      has_function_privilege('anon', 'public.bare_function()', 'execute') as execute`;
    assertEquals(row, { anon: false, service: false, execute: true });
  },
);

stackTest("database lets postgres reference users but not own them", async () => {
  await shared
    .sql`create table public.refers (id uuid references auth.users (id) on delete cascade)`;
  await assertRejects(
    () => shared.sql`alter table auth.users add column mine int`.execute(),
    Error,
    "must be owner",
  );
});

stackTest(
  "Vault keeps no plain text and gives it back to postgres and service_role only",
  async () => {
    const [made] = await shared.sql`select vault.create_secret('s3cret', 'named', 'note') as id`;
    const [row] = await shared.sql`
    select secret, decrypted_secret from vault.decrypted_secrets where id = ${made?.["id"]}`;
    assertEquals(row?.["decrypted_secret"], "s3cret");
    assert(!atob(row?.["secret"]).includes("s3cret"));
    await shared.sql`select vault.update_secret(${made?.["id"]}, 'changed')`;
    const [changed] = await shared.sql`
    select name, decrypted_secret as text from vault.decrypted_secrets where id = ${made?.["id"]}`;
    assertEquals(changed, { name: "named", text: "changed" });
    await assertRejects(
      () => shared.sql`select vault.create_secret('x', 'named')`.execute(),
      Error,
      "duplicate key",
    );
    await assertRejects(
      () => shared.sql`insert into vault.secrets (secret) values ('x')`.execute(),
      Error,
      "permission denied",
    );
    await shared
      .admin`update vault.secrets set secret = encode(repeat('x', 48)::bytea, 'base64') where name = 'named'`;
    await assertRejects(
      () => shared.sql`select * from vault.decrypted_secrets where name = 'named'`.execute(),
      Error,
      "invalid ciphertext",
    );
    await shared.sql`delete from vault.secrets where name = 'named'`;
    await shared.sql.begin(async (tx) => {
      await tx`set local role anon`;
      await assertRejects(
        () => tx.savepoint((inner) => inner`select * from vault.decrypted_secrets`.execute()),
        Error,
        "permission denied",
      );
    });
  },
);

stackTest("the stack seeds what an operator puts into Vault", async () => {
  const rows = await shared.sql`
    select name, decrypted_secret as value from vault.decrypted_secrets order by name`;
  assertEquals([...rows], [
    { name: "acontext_sessions_project_url", value: shared.stack.apiUrl },
  ]);
});

stackTest(
  "a second start keeps keys and data, applies new migrations only, and recovers a killed run",
  async () => {
    const projectDir = await createProject();
    const dataDir = await Deno.makeTempDir();
    const lines: string[] = [];
    const options = {
      projectDir,
      dataDir,
      ports: "free",
      log: (line: string) => lines.push(line),
    } as const;

    const first = await startStack(options);
    let sql = postgres(first.databaseUrl, { max: 1, fetch_types: false, onnotice: () => {} });
    await sql`insert into public.notes (body) values ('kept')`;
    await assertRejects(() => startStack(options), Error, "already running");
    await sql.end();
    await first.stop();
    assertEquals(lines, ["Applied 1 migration"]);

    // What a run leaves that was killed: a pid file of a process that is somebody else now.
    await Deno.writeTextFile(join(dataDir, "postgres", "postmaster.pid"), `${Deno.pid}\n`);
    await Deno.writeTextFile(
      join(dataDir, "run.json"),
      JSON.stringify({ pid: Deno.pid, command: "" }),
    );
    await Deno.writeTextFile(
      join(projectDir, "supabase/migrations/20260102000000_create_more.sql"),
      "create table public.more (id int);",
    );
    const began = performance.now();
    const second = await startStack(options);
    console.log(`second start: ${Math.round(performance.now() - began)} ms`);
    assertEquals(lines, ["Applied 1 migration", "Applied 1 migration"]);
    assertEquals(second.secretKey, first.secretKey);
    sql = postgres(second.databaseUrl, { max: 1, fetch_types: false, onnotice: () => {} });
    assertEquals([...await sql`select body from public.notes`], [{ body: "kept" }]);
    await sql.end();
    await second.stop();

    const third = await startStack({ ...options, reset: true });
    assert(third.secretKey !== first.secretKey);
    sql = postgres(third.databaseUrl, { max: 1, fetch_types: false, onnotice: () => {} });
    assertEquals([...await sql`select body from public.notes`], []);
    await sql.end();
    await third.stop();
    await Deno.remove(dataDir, { recursive: true });
    await Deno.remove(projectDir, { recursive: true });
  },
);

stackTest("the database comes back when its process is killed", async () => {
  const pidFile = join(shared.dataDir, "postgres", "postmaster.pid");
  const pid = async () => Number((await Deno.readTextFile(pidFile)).split("\n")[0]);
  const before = await pid();
  Deno.kill(before, "SIGKILL");
  // The old server's backends may answer for a moment longer.
  await eventually("another server", async () => {
    return await pid().catch(() => before) !== before;
  }, 30_000);
  const [row] = await eventually("it answers", () => {
    return shared.sql`select 1 as one`.catch(() => null);
  }, 30_000);
  assertEquals(row, { one: 1 });
});

stackTest("two stacks run side by side", async () => {
  const dataDir = await Deno.makeTempDir();
  const other = await startStack({ projectDir: shared.projectDir, dataDir, ports: "free" });
  assert(other.apiUrl !== shared.stack.apiUrl);
  // The keys of one are nothing to the other.
  const response = await fetch(`${other.apiUrl}/rest/v1/notes`, {
    headers: { apikey: shared.stack.secretKey },
  });
  await response.body?.cancel();
  assertEquals(response.status, 401);
  await other.stop();
  await Deno.remove(dataDir, { recursive: true });
});

stackTest("a start that is given up leaves nothing", async () => {
  const dataDir = await Deno.makeTempDir();
  for (const delay of [50, 300, 600]) {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), delay);
    await assertRejects(() =>
      startStack({
        projectDir: shared.projectDir,
        dataDir,
        ports: "free",
        signal: controller.signal,
      })
    );
  }
  const stack = await startStack({ projectDir: shared.projectDir, dataDir, ports: "free" });
  await stack.stop();
  await Deno.remove(dataDir, { recursive: true });
});

Deno.test({
  name: "Debian's PostgreSQL with the real pg_cron takes the same migrations",
  ignore: !await exists("/usr/share/postgresql/15/extension/pg_cron.control"),
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    const projectDir = await createProject();
    const dataDir = await Deno.makeTempDir();
    const stack = await startStack({ projectDir, dataDir, ports: "free", postgres: "debian" });
    const sql = postgres(stack.databaseUrl, { max: 1, fetch_types: false, onnotice: () => {} });
    await sql`select cron.schedule('real', '* * * * *', 'select 1')`;
    const rows = await sql`
      select j.username, e.extversion ~ '^1\\.4' as real from cron.job as j, pg_extension as e
      where e.extname = 'pg_cron'`;
    assertEquals([...rows], [{ username: "postgres", real: true }]);
    const [row] =
      await sql`select decrypted_secret from vault.decrypted_secrets where name = 'acontext_sessions_project_url'`;
    assertEquals(row?.["decrypted_secret"], stack.apiUrl);
    await sql.end();
    await stack.stop();
    await Deno.remove(dataDir, { recursive: true });
    await Deno.remove(projectDir, { recursive: true });
  },
});
