/** Rows from before the table had bounds: what the migrations make of them. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert/mod.js";
import { join } from "@std/path/mod.js";
import postgres from "postgres";
import { applyMigrations } from "../../local/migrations.ts";
import { ROOT } from "../../local/paths.ts";
import { type BareServer, startBareServer } from "../support/bare_server.ts";
import { stackTest } from "./fixture.ts";

const MIGRATIONS = join("supabase", "migrations");
/** Prefixes of the first and the last migration that a test applies itself, to what the ones before have made. */
interface Span {
  first: string;
  last: string;
}
const BOUNDS: Span = { first: "20261128000024", last: "20261128000026" };
const USER_LIMITS: Span = { first: "20261128000038", last: "20261128000038" };

const USER = "a1111111-1111-4111-8111-111111111111";
const idOf = (number: number) => `5e550000-0000-4000-8000-${String(number).padStart(12, "0")}`;

/** What a row had besides or instead of an ordinary row's, and what it has afterwards: times as days from now. */
interface Case {
  name: string;
  row: Record<string, string>;
  becomes: { ttl: string | null; active: number; written: number | null; expires: number | null };
}

const usual = { ttl: null, active: -1, written: null, expires: 29 };
const CASES: Case[] = [
  { name: "ordinary", row: {}, becomes: usual },
  { name: "own lifetime", row: { ttl: "'02:00:00'" }, becomes: { ...usual, ttl: "02:00:00" } },
  { name: "in days", row: { ttl: "'7 days'" }, becomes: { ...usual, ttl: "7 days" } },
  {
    name: "in months",
    row: { ttl: "'1 year 1 mon'", expires_at: "now() + interval '395 days'" },
    becomes: { ...usual, ttl: "9504:00:00", expires: 395 },
  },
  {
    name: "overdue for centuries",
    row: { ttl: "'-1000 years 363650 days'", expires_at: "now() - interval '1601 days'" },
    becomes: { ...usual, ttl: "87600:00:00", expires: 3649 },
  },
  {
    name: "never due",
    row: { ttl: "'292000 years -105116350 days'", expires_at: "'6228-01-01'" },
    becomes: { ...usual, ttl: "87600:00:00", expires: 3649 },
  },
  {
    name: "fractional",
    row: { ttl: "'90.5 seconds'" },
    becomes: { ...usual, ttl: "00:01:30", expires: -1 },
  },
  {
    name: "used in the far future",
    row: { last_activity_at: "'294276-12-01'", expires_at: "'294276-12-31'" },
    becomes: { ...usual, active: 0, expires: 30 },
  },
  {
    name: "used never and always",
    row: { last_activity_at: "'infinity'", last_write_at: "'infinity'", expires_at: "'infinity'" },
    becomes: { ...usual, active: 0, written: 0, expires: 30 },
  },
  {
    name: "used before there were computers",
    row: { last_activity_at: "'-infinity'", created_at: "'-infinity'", expires_at: "'-infinity'" },
    becomes: { ...usual, active: -9800, expires: -9770 },
  },
  {
    name: "expiring never, pinned",
    row: { pinned: "true", expires_at: "null", updated_at: "'infinity'" },
    becomes: { ...usual, expires: null },
  },
  {
    name: "in months, pinned",
    row: { ttl: "'1 year 1 mon'", pinned: "true", expires_at: "null" },
    becomes: { ...usual, ttl: "9360:00:00", expires: null },
  },
  {
    name: "expiring in the year 294276",
    row: { expires_at: "'294276-12-31'" },
    becomes: usual,
  },
];

/** The upgrade mends no metadata: no function stumbles over it. */
const HOSTILE_METADATA =
  `jsonb_build_object('deep', (repeat('[', 2700) || repeat(']', 2700))::jsonb, 'large', 1e400)`;

async function plant(sql: postgres.Sql): Promise<void> {
  await sql.unsafe(`insert into auth.users (id) values ('${USER}')`);
  await sql`alter table public.session_mappings disable trigger user`;
  for (const [number, { row }] of CASES.entries()) {
    const columns: Record<string, string> = {
      id: `'${idOf(number)}'`,
      user_id: `'${USER}'`,
      status: "'active'",
      acontext_session_id: `'${idOf(number)}'`,
      acontext_disk_id: `'${idOf(number)}'`,
      created_at: "now() - interval '2 days'",
      last_activity_at: "now() - interval '1 day'",
      expires_at: "now() + interval '29 days'",
      metadata: HOSTILE_METADATA,
      ...row,
    };
    await sql.unsafe(
      `insert into public.session_mappings (${Object.keys(columns).join()}) values (${
        Object.values(columns).join()
      })`,
    );
  }
  await sql`alter table public.session_mappings enable trigger user`;
}

interface Found {
  ttl: string | null;
  /** Days from now, as are the next two. */
  last_activity_at: string;
  last_write_at: string | null;
  expires_at: string | null;
  /** The metadata are what they were. */
  kept: boolean;
}

const days = (column: string) =>
  `floor(extract(epoch from ${column} - now()) / 8640) / 10 as ${column}`;

async function withOldServer(
  { first, last }: Span,
  use: (server: BareServer, newer: string[]) => Promise<void>,
): Promise<void> {
  const projectDir = await Deno.makeTempDir({ prefix: "stack-bounds-" });
  const server = await startBareServer({ prefix: "stack-bounds-data-", log: () => {} });
  try {
    await Deno.mkdir(join(projectDir, MIGRATIONS), { recursive: true });
    const newer: string[] = [];
    const names = Array.from(Deno.readDirSync(join(ROOT, MIGRATIONS)), ({ name }) => name).sort();
    for (const name of names) {
      const from = join(ROOT, MIGRATIONS, name);
      if (name < first) await Deno.copyFile(from, join(projectDir, MIGRATIONS, name));
      else if (name < last + "~") newer.push(await Deno.readTextFile(from));
    }
    const { dataDir } = server;
    const databaseUrl = server.urlOf("postgres");
    const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} });
    await applyMigrations({ projectDir, dataDir, databaseUrl, sql, log: () => {} });
    await sql.end({ timeout: 1 });
    await use(server, newer);
  } finally {
    await server.stop();
    await Deno.remove(projectDir, { recursive: true });
  }
}

stackTest("rows from before are brought within the bounds, however far out they are", async () => {
  await withOldServer(BOUNDS, async (server, newer) => {
    const notices: string[] = [];
    const onnotice = ({ message = "" }) => void notices.push(message);
    const sql = postgres(server.urlOf("postgres"), { max: 1, onnotice });
    try {
      await plant(sql);
      for (const text of newer) await sql.begin((tx) => tx.unsafe(text));
      const rows = await sql.unsafe<Found[]>(`
        select ttl::text, ${days("last_activity_at")}, ${days("last_write_at")}, ${
        days("expires_at")
      },
          (acontext_sessions.session_view(s) ->> 'ttl')::float8 as seconds, metadata = ${HOSTILE_METADATA} as kept
        from public.session_mappings as s order by id`);
      for (const [number, { name, becomes }] of CASES.entries()) {
        const row = rows[number];
        if (row === undefined) throw new Error(`Cannot find the row "${name}"`);
        const { ttl, last_activity_at, last_write_at, expires_at, kept } = row;
        const near = (found: unknown, wanted: number | null) =>
          wanted === null
            ? found === null
            : Math.abs(Number(found) - wanted) < Math.max(0.3, Math.abs(wanted) / 100);
        assertEquals([ttl, kept], [becomes.ttl, true], name);
        assert(near(last_activity_at, becomes.active), `${name}: active ${last_activity_at}`);
        assert(near(last_write_at, becomes.written), `${name}: written ${last_write_at}`);
        assert(near(expires_at, becomes.expires), `${name}: expires ${expires_at}`);
      }
      const waiting = await sql`select conname from pg_constraint where not convalidated`;
      assertEquals([...waiting], []);
      assertEquals(notices.filter((notice) => notice.includes("acontext_sessions:")), []);
    } finally {
      await sql.end({ timeout: 1 });
    }
  });
});

stackTest("a row that an app's trigger keeps as it is keeps no other, and no upgrade", async () => {
  await withOldServer(BOUNDS, async (server, newer) => {
    const notices: string[] = [];
    const onnotice = ({ message = "" }) => void notices.push(message);
    const sql = postgres(server.urlOf("postgres"), { max: 1, onnotice });
    try {
      await plant(sql);
      const [raised, kept] = [3, 7].map(idOf);
      await sql.unsafe(`
        create function public.keep() returns trigger language plpgsql as $$
        begin
          if old.id = '${raised}' then raise exception 'kept'; end if;
          return case when old.id = '${kept}' then null else new end;
        end $$;
        create trigger a_keeps before update on public.session_mappings
        for each row execute function public.keep()`);
      for (const text of newer) await sql.begin((tx) => tx.unsafe(text));
      const left = await sql`
        select id from public.session_mappings
        where date_part('year', ttl) <> 0 or last_activity_at > now() order by id`;
      assertEquals(left.map(({ id }) => id), [raised, kept]);
      const waiting = await sql`select conname from pg_constraint where not convalidated`;
      assertEquals(waiting.map(({ conname }) => conname), ["times_in_range"]);
      assertStringIncludes(notices.join("\n"), `session ${raised} stays out of bounds: kept`);
      assertStringIncludes(notices.join("\n"), "sessions out of bounds are left");
    } finally {
      await sql.end({ timeout: 1 });
    }
  });
});

stackTest(
  "a lifetime of all sessions that had months gets no shorter, by any calendar",
  async () => {
    await withOldServer(USER_LIMITS, async (server, newer) => {
      const sql = postgres(server.urlOf("postgres"), { max: 1, onnotice: () => {} });
      const upgrade = async (ttl: string) => {
        await sql`update acontext_sessions.settings set session_ttl = ${ttl}::interval`;
        return await sql.begin(async (tx) => {
          await tx`savepoint before`;
          for (const text of newer) await tx.unsafe(text);
          const [found] = await tx`
          select s.session_ttl::text as ttl, t.after_id is not null as restamps
          from acontext_sessions.settings as s, acontext_sessions.restamp_state as t`;
          await tx`rollback to savepoint before`;
          return [found?.["ttl"], found?.["restamps"]];
        });
      };
      try {
        assertEquals(await upgrade("1 year"), ["366 days", true]);
        assertEquals(await upgrade("1 year 1 month"), ["397 days", true]);
        assertEquals(await upgrade("1 month"), ["31 days", true]);
        assertEquals(await upgrade("10 years"), ["3650 days", true]);
        assertEquals(await upgrade("30 days"), ["30 days", false]);
      } finally {
        await sql.end({ timeout: 1 });
      }
    });
  },
);
