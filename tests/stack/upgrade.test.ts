import { assert, assertEquals } from "@std/assert/mod.js";
import { join } from "@std/path/mod.js";
import postgres from "postgres";
import { ROOT } from "../../local/paths.ts";
import { startStack } from "../../local/stack.ts";
import { stackTest } from "./fixture.ts";

/** The newest migration of the first release. What follows is an upgrade for those who have it. */
const FIRST_RELEASE = "20261120000012";

const MIGRATIONS = join("supabase", "migrations");

async function migrationFiles(): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(join(ROOT, MIGRATIONS))) names.push(name);
  return names.filter((name) => name.endsWith(".sql")).toSorted();
}

/** What a project of the first release has in each of its tables, by that release's own functions. */
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
  perform public.acontext_start_sweep(v_run, false);
  perform public.acontext_request_session_deletion('b2222222-2222-4222-8222-222222222222', ('5e550000-0000-4000-8000-' || lpad('1', 12, '0'))::uuid, v_run, 80);
  perform public.acontext_settle_deletions(v_run, jsonb_build_array(jsonb_build_object(
    'id', '5e550000-0000-4000-8000-000000000001', 'session', 'deleted', 'disk', 'unproven', 'disposition', 'release')));
  perform public.acontext_finish_sweep(v_run, '{"total": 1, "deleted": 1, "stopReason": "empty"}');
  delete from auth.users where id = 'b2222222-2222-4222-8222-222222222222';
  update acontext_sessions.deletion_queue set attempts = 11, last_error = 'disk: http_500', next_attempt_at = now() + interval '6 hours'
  where id = '5e550000-0000-4000-8000-000000000003';
  update acontext_sessions.reconcile_state set phase = 'labels', page_cursor = 'here', pass_started_at = now(), pass_seen = 7 where only_row;
end $$`;

const TABLES = [
  "public.session_mappings",
  "acontext_sessions.deletion_queue",
  "acontext_sessions.deletion_log",
  "acontext_sessions.provisioning_leases",
  "acontext_sessions.uncertain_sessions",
  "acontext_sessions.runs",
  "acontext_sessions.reconcile_state",
  "acontext_sessions.settings",
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

stackTest(
  "an upgrade from the first release loses nothing, and goes on with what was there",
  async () => {
    const projectDir = await Deno.makeTempDir({ prefix: "stack-upgrade-" });
    const dataDir = await Deno.makeTempDir({ prefix: "stack-upgrade-data-" });
    const files = await migrationFiles();
    const copy = (names: string[]) =>
      Promise.all(
        names.map((name) =>
          Deno.copyFile(join(ROOT, MIGRATIONS, name), join(projectDir, MIGRATIONS, name))
        ),
      );
    const isFirst = (name: string) => name.slice(0, FIRST_RELEASE.length) <= FIRST_RELEASE;
    const open = (url: string) => postgres(url, { max: 1, fetch_types: false, onnotice: () => {} });
    try {
      await Deno.mkdir(join(projectDir, MIGRATIONS), { recursive: true });
      await Deno.copyFile(
        join(ROOT, "supabase", "config.toml"),
        join(projectDir, "supabase", "config.toml"),
      );
      await copy(files.filter(isFirst));

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

      await copy(files.filter((name) => !isFirst(name)));
      const upgraded = await startStack({ projectDir, dataDir, ports: "free" });
      try {
        const sql = open(upgraded.adminDatabaseUrl);
        const after = await contents(sql);
        for (const [table, rows] of before) {
          assertEquals(
            seenBefore(after.get(table) ?? [], rows).toSorted(byText),
            rows.toSorted(byText),
            table,
          );
        }
        const jobs = await sql`select jobname, schedule, active from cron.job order by jobname`;
        assertEquals(jobs.map(({ schedule }) => schedule).includes("*/7 * * * *"), true);
        assertEquals(jobs.length, 4);

        // What was begun under the old release ends under the new one.
        const [row] = await sql`
        select jsonb_array_length(public.acontext_claim_deletions(gen_random_uuid(), 100, 80)) as claimed,
          public.acontext_session_health(1) as health`;
        assert(Number(row?.["claimed"]) > 0);
        assertEquals(row?.["health"].queue.stuck.count, 1);
        assertEquals(row?.["health"].unproven.count, 1);
        assertEquals(row?.["health"].runs.lastFinished, "empty");
        assertEquals(row?.["health"].reconcile.phase, "labels");
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
