import { assert, assertEquals, assertGreater } from "@std/assert/mod.js";
import { join } from "@std/path/mod.js";
import postgres from "postgres";
import { ROOT } from "../../local/paths.ts";
import { startStack } from "../../local/stack.ts";
import { stackTest } from "./fixture.ts";
import { MERGED_SINCE, newerMigrations, RELEASE_0_1_0 } from "./releases.ts";

const MIGRATIONS = join("supabase", "migrations");
const BASELINE = Object.keys(RELEASE_0_1_0);
const ALICE = "a1111111-1111-4111-8111-111111111111";
const LEASE = "40000000-0000-4000-8000-0000000000bb";

/**
 * What the project may add one day, so that the path is tried before there is anything newer: columns in the tables whose
 * whole rows functions take and answer, a setting, and another body for a function.
 */
const NEXT_MIGRATION = {
  name: "29990101000000_add_what_may_come.sql",
  text: `
alter table public.session_mappings add column shelf text not null default 'top';
alter table acontext_sessions.deletion_queue add column hint text;
alter table acontext_sessions.runs add column note text not null default '';
alter table acontext_sessions.reconcile_state add column note text;
alter table acontext_sessions.settings add column shelves integer not null default 3;
create or replace function acontext_sessions.seconds_since(p_time timestamptz)
returns bigint
language sql
stable
security invoker
set search_path = ''
as $$
  select floor(extract(epoch from acontext_sessions.clock() - p_time))::bigint;
$$;
`,
};

/** What a project of 0.1.0 has in each of its tables, by that release's own functions. */
const DATA = `
insert into auth.users (id, email)
values ('a1111111-1111-4111-8111-111111111111', 'alice@example.com'), ('b2222222-2222-4222-8222-222222222222', 'bob@example.com');
do $$
declare
  v_id uuid;
  v_run uuid := '40000000-0000-4000-8000-000000000001';
begin
  for n in 1..20 loop
    v_id := ('5e550000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid;
    perform public.acontext_begin_session(
      case when n % 2 = 0 then 'a1111111-1111-4111-8111-111111111111'::uuid else 'b2222222-2222-4222-8222-222222222222'::uuid end,
      v_id, gen_random_uuid(), 60, jsonb_build_object('n', n), n % 5 = 0, 'Session ' || n, case when n % 3 = 0 then 3600 end);
    continue when n > 18;
    perform public.acontext_activate_session(
      v_id, (select l.lease_id from acontext_sessions.provisioning_leases as l where l.session_id = v_id), v_id,
      ('d15c0000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, '{}', '{}', n = 18);
  end loop;
  perform public.acontext_configure_cleanup('{"session_ttl": "14 days", "max_workers": 3, "retry_schedule": "*/7 * * * *"}');
  perform public.acontext_begin_message(
    'a1111111-1111-4111-8111-111111111111', '5e550000-0000-4000-8000-000000000002', gen_random_uuid(), 60,
    repeat('0', 64), repeat('f', 64));
  perform public.acontext_start_sweep(v_run, false);
  perform public.acontext_request_session_deletion('b2222222-2222-4222-8222-222222222222', ('5e550000-0000-4000-8000-' || lpad('1', 12, '0'))::uuid, v_run, 80);
  perform public.acontext_settle_deletions(v_run, jsonb_build_array(jsonb_build_object(
    'id', '5e550000-0000-4000-8000-000000000001', 'session', 'deleted', 'disk', 'unproven', 'disposition', 'release')));
  perform public.acontext_finish_sweep(v_run, '{"total": 1, "deleted": 1, "stopReason": "empty"}');
  delete from auth.users where id = 'b2222222-2222-4222-8222-222222222222';
  update acontext_sessions.deletion_queue set attempts = 11, last_error = 'disk: http_500', next_attempt_at = now() + interval '6 hours',
    first_claimed_at = now()
  where id = '5e550000-0000-4000-8000-000000000003';
  update acontext_sessions.reconcile_state set phase = 'labels', page_cursor = 'here', pass_started_at = now(), pass_seen = 7 where only_row;
end $$`;

const TABLES = [
  "public.session_mappings",
  "acontext_sessions.deletion_queue",
  "acontext_sessions.deletion_log",
  "acontext_sessions.provisioning_leases",
  "acontext_sessions.uncertain_sessions",
  "acontext_sessions.message_keys",
  "acontext_sessions.runs",
  "acontext_sessions.reconcile_state",
  "acontext_sessions.settings",
  "acontext_sessions.settings_log",
  "acontext_sessions.restamp_state",
];

type Rows = Record<string, unknown>[];

async function contents(sql: postgres.Sql): Promise<Map<string, Rows>> {
  const found = new Map<string, Rows>();
  for (const table of TABLES) {
    const [row] = await sql.unsafe(
      `select coalesce(jsonb_agg(to_jsonb(t) order by to_jsonb(t)::text), '[]') as rows from ${table} as t`,
    );
    found.set(table, row?.["rows"]);
  }
  return found;
}

/** The values of the columns that were there before: an upgrade may add some. */
function seenBefore(rows: Rows, before: Rows): Rows {
  const columns = Object.keys(before[0] ?? {});
  return rows.map((row) => Object.fromEntries(columns.map((name) => [name, row[name]])));
}

const byText = (a: unknown, b: unknown) => JSON.stringify(a) < JSON.stringify(b) ? -1 : 1;

/** Everything that has happened to a project of 0.1.0 goes on after the upgrade. */
async function assertGoesOn(sql: postgres.Sql): Promise<void> {
  const jobs = await sql`select schedule, active from cron.job order by jobname`;
  assertEquals(jobs.length, 4);
  assert(jobs.some(({ schedule }) => schedule === "*/7 * * * *"), "the schedule was forgotten");

  // The old release has given deletes up, and noted neither that nor how much there was to delete.
  const [tried, untried] = await sql`
    select (q.session_in_doubt, q.disk_in_doubt)::text as doubts, q.messages = s.message_count as sized
    from acontext_sessions.deletion_queue as q join public.session_mappings as s on s.id = q.id
    where q.session_gone_at is null order by q.first_claimed_at is null limit 2`;
  assertEquals([tried?.["doubts"], untried?.["doubts"]], ["(t,t)", "(f,f)"]);
  assertEquals([tried?.["sized"], untried?.["sized"]], [true, true]);

  // What was begun under the old release ends under the new one.
  const [row] = await sql`
    select jsonb_array_length(public.acontext_claim_deletions(${LEASE}, 100, 80)) as claimed,
      public.acontext_session_health(1) as health`;
  assertGreater(Number(row?.["claimed"]), 0);
  const { queue, unproven, runs, reconcile } = row?.["health"];
  assertEquals(queue.stuck.count, 1);
  assertEquals(unproven.count, 1);
  assertEquals(runs.lastFinished, "empty");
  assertEquals(reconcile.phase, "labels");
  const [settled] = await sql`
    select public.acontext_settle_deletions(${LEASE}, jsonb_agg(jsonb_build_object(
      'id', q.id, 'session', 'deleted', 'disk', 'absent', 'disposition', 'release'))) as answer
    from acontext_sessions.deletion_queue as q where q.lease_id = ${LEASE}`;
  assertEquals(settled?.["answer"].deleted, row?.["claimed"]);

  // A whole life under the new one.
  const id = "5e550000-0000-4000-8000-0000000000aa";
  const [life] = await sql`
    select public.acontext_begin_session(${ALICE}, ${id}, ${LEASE}, 60, '{}', false) ->> 'outcome' as begun,
      public.acontext_activate_session(${id}, ${LEASE}, ${id}, ${id}, '{}', '{}', false) ->> 'outcome' as activated,
      public.acontext_use_session(${ALICE}, ${id}, true, 0) ->> 'outcome' as used,
      public.acontext_request_session_deletion(${ALICE}, ${id}, ${LEASE}, 60) ->> 'outcome' as requested,
      has_function_privilege('anon', 'public.acontext_session_health(integer)', 'execute') as open`;
  assertEquals({ ...life }, {
    begun: "started",
    activated: "active",
    used: "ok",
    requested: "claimed",
    open: false,
  });
}

/** All but what exceeded a limit that is new, and a default that has changed. */
function assertSettingsAreKept(after: Rows, before: Rows): void {
  const [old = {}] = before;
  const { concurrency, retry_schedule: retry, updated_at: _changed, ...kept } = after[0] ?? {};
  const { concurrency: wide, retry_schedule: oldRetry, updated_at: _before, ...rest } = old;
  assertEquals(kept, { ...rest, max_sessions_per_user: rest["max_sessions_per_user"] ?? 1000 });
  const workers = Number(kept["max_workers"]);
  assertEquals(concurrency, Math.min(Number(wide), Math.floor(28 / workers)));
  assertEquals(retry, oldRetry === "*/5 * * * *" ? "* * * * *" : oldRetry);
}

stackTest(
  "an upgrade from 0.1.0 to the newest release and beyond loses nothing, and goes on with what was there",
  async () => {
    const projectDir = await Deno.makeTempDir({ prefix: "stack-upgrade-" });
    const dataDir = await Deno.makeTempDir({ prefix: "stack-upgrade-data-" });
    const folder = join(projectDir, MIGRATIONS);
    const copy = (names: readonly string[]) =>
      Promise.all(
        names.map((name) => Deno.copyFile(join(ROOT, MIGRATIONS, name), join(folder, name))),
      );
    const open = (url: string) => postgres(url, { max: 1, fetch_types: false, onnotice: () => {} });
    const newer = await newerMigrations(BASELINE);
    try {
      await Deno.mkdir(folder, { recursive: true });
      await Deno.copyFile(
        join(ROOT, "supabase", "config.toml"),
        join(projectDir, "supabase", "config.toml"),
      );
      await copy(BASELINE);

      const old = await startStack({ projectDir, dataDir, ports: "free" });
      const oldSql = open(old.adminDatabaseUrl);
      // The schedule would work on what is to be compared.
      const operator = open(old.databaseUrl);
      await operator.begin(async (tx) => {
        await tx.unsafe(DATA);
        await tx`select cron.alter_job(job_id := j.jobid, active := false) from cron.job as j`;
      });
      await operator.end({ timeout: 1 });
      const before = await contents(oldSql);
      for (const [table, rows] of before) assert(rows.length > 0, `${table} has nothing to lose`);
      await oldSql.end({ timeout: 1 });
      await old.stop();

      await copy(newer);
      await Deno.writeTextFile(join(folder, NEXT_MIGRATION.name), NEXT_MIGRATION.text);
      const lines: string[] = [];
      const upgraded = await startStack({
        projectDir,
        dataDir,
        ports: "free",
        log: (line) => lines.push(line),
      });
      try {
        const applied = newer.length + 1;
        assert(
          lines.includes(`Applied ${applied} migration${applied === 1 ? "" : "s"}`),
          lines.join("\n"),
        );
        const sql = open(upgraded.adminDatabaseUrl);
        const after = await contents(sql);
        for (const [table, rows] of before) {
          const there = seenBefore(after.get(table) ?? [], rows).toSorted(byText);
          if (table === "acontext_sessions.settings") assertSettingsAreKept(there, rows);
          // What the upgrade itself changed is logged besides.
          else if (table === "acontext_sessions.settings_log") {
            const logged = new Set(there.map((row) => JSON.stringify(row)));
            for (const row of rows) assert(logged.has(JSON.stringify(row)), `${table} lost one`);
          } else assertEquals(there, rows.toSorted(byText), table);
        }
        await assertGoesOn(sql);
        await sql.end({ timeout: 1 });
      } finally {
        await upgraded.stop();
      }
    } finally {
      await Deno.remove(projectDir, { recursive: true });
      await Deno.remove(dataDir, { recursive: true });
    }
  },
);

Deno.test("what is newer than a release comes after its migrations", async () => {
  const last = BASELINE.at(-1) ?? "";
  const newer = await newerMigrations(BASELINE);
  assertEquals(newer.filter((name) => name <= last), []);
});

Deno.test("a migration that was released or merged is as it was", async () => {
  for (const [name, digest] of Object.entries({ ...RELEASE_0_1_0, ...MERGED_SINCE })) {
    const bytes = await Deno.readFile(join(ROOT, MIGRATIONS, name));
    const found = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
    assertEquals(found, digest, `${name} was edited: add a migration instead`);
  }
});
