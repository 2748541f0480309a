import { assertEquals } from "@std/assert/mod.js";
import { join } from "@std/path/mod.js";
import postgres from "postgres";
import { ROOT } from "../../local/paths.ts";
import { eventually } from "../support/eventually.ts";
import { startStack } from "../../local/stack.ts";
import { stackTest } from "./fixture.ts";
import { newerMigrations, RELEASE_0_1_0 } from "./releases.ts";

const MIGRATIONS = join("supabase", "migrations");

/** Tables that were there before, of which others cannot read or write until the transaction ends. */
const TABLES_KEPT_FROM_OTHERS = `
  select distinct l.relation::regclass::text as name
  from pg_locks as l join pg_class as c on c.oid = l.relation
  where l.pid = pg_backend_pid() and c.relkind = 'r' and c.relnamespace <> 'pg_catalog'::regnamespace
    and l.mode in ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
  order by name`;

/** Migrations that cannot do without a second table, and wait for neither while they hold the other. */
const LOCK_BOTH: Readonly<Record<string, string[]>> = {
  "20261128000015_drop_reference_to_users.sql": ["auth.users", "session_mappings"],
};

/** Migrations of a table that everybody's sign-ins write: they do not make others wait behind them for who is there. */
const LET_OTHERS_PASS: Readonly<Record<string, string>> = {
  "20261128000013_watch_users.sql": "auth.users",
};

// Each migration is one transaction. Calls and runs lock tables in different orders, so a migration that holds one table and
// waits for a second can meet one of them head-on.
stackTest("a migration keeps at most one table from those who are at work", async () => {
  const projectDir = await Deno.makeTempDir({ prefix: "stack-locks-" });
  const dataDir = await Deno.makeTempDir({ prefix: "stack-locks-data-" });
  const baseline = Object.keys(RELEASE_0_1_0);
  try {
    await Deno.mkdir(join(projectDir, MIGRATIONS), { recursive: true });
    for (const name of ["config.toml", ...baseline.map((file) => join("migrations", file))]) {
      await Deno.copyFile(join(ROOT, "supabase", name), join(projectDir, "supabase", name));
    }
    const stack = await startStack({ projectDir, dataDir, ports: "free" });
    const sql = postgres(stack.databaseUrl, { max: 1, fetch_types: false, onnotice: () => {} });
    try {
      for (const name of await newerMigrations(baseline)) {
        const text = await Deno.readTextFile(join(ROOT, MIGRATIONS, name));
        const apply = () =>
          sql.begin(async (tx) => {
            await tx.unsafe(text);
            return await tx.unsafe(TABLES_KEPT_FROM_OTHERS);
          });
        const both = LOCK_BOTH[name];
        const busy = LET_OTHERS_PASS[name];
        const tables = both !== undefined
          ? await meetHeadOn(stack.databaseUrl, both, apply)
          : busy !== undefined
          ? await letPass(stack.databaseUrl, busy, apply)
          : await apply();
        const names = tables.map((row) => row["name"]);
        if (both === undefined) assertEquals(names.slice(1), [], `${name} also locks`);
        else assertEquals(names, both, name);
      }
    } finally {
      await sql.end({ timeout: 1 });
      await stack.stop();
    }
  } finally {
    await Deno.remove(projectDir, { recursive: true });
    await Deno.remove(dataDir, { recursive: true });
  }
});

/** Applies a migration while somebody who holds the first table comes to want the second; neither fails. */
async function meetHeadOn<Result>(
  databaseUrl: string,
  [first = "", second = ""]: string[],
  apply: () => Promise<Result>,
): Promise<Result> {
  const others = postgres(databaseUrl, { max: 2, fetch_types: false, onnotice: () => {} });
  try {
    const { applied } = await others.begin(async (tx) => {
      await tx.unsafe(`lock table ${first} in row exclusive mode`);
      const applied = apply();
      await eventually("the migration waits", async () => {
        const waiting = await others`
          select 1 from pg_locks where not granted and relation = ${first}::regclass`;
        return waiting.length > 0;
      });
      await tx.unsafe(`lock table ${second} in row exclusive mode`);
      // Not awaited in here: it goes on when this transaction ends.
      return { applied };
    });
    return await applied;
  } finally {
    await others.end({ timeout: 1 });
  }
}

/** Applies a migration while somebody is at work on its table for long, and others come to work on it, too. */
async function letPass<Result>(
  databaseUrl: string,
  table: string,
  apply: () => Promise<Result>,
): Promise<Result> {
  const others = postgres(databaseUrl, { max: 3, fetch_types: false, onnotice: () => {} });
  try {
    const { applied } = await others.begin(async (atWork) => {
      await atWork.unsafe(`lock table ${table} in row exclusive mode`);
      const applied = apply();
      await eventually("the migration waits", async () => {
        const waiting = await others`
          select 1 from pg_locks where not granted and relation = ${table}::regclass`;
        return waiting.length > 0;
      });
      await others.begin(async (late) => {
        // Far longer than the migration may wait. Who waits behind it waits for the first, which waits for this.
        await late`set local lock_timeout = '20s'`;
        await late.unsafe(`lock table ${table} in row exclusive mode`);
      });
      // Not awaited in here: it goes on when this transaction ends.
      return { applied };
    });
    return await applied;
  } finally {
    await others.end({ timeout: 1 });
  }
}
