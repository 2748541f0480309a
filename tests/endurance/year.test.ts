import { assert, assertEquals } from "@std/assert/mod.js";
import postgres from "postgres";
import { integrationTest } from "../integration/support/world.ts";

const NIGHTS = 365;
const SESSIONS_A_DAY = 1_000;
/** By then every table has reached what its retention keeps: 90 days at most. */
const SETTLED = 120;
/** Of the size on night 120: pages are filled differently from one day to the next. */
const TOLERANCE = 1.15;

/** What outlives a session. Its own rows, in the table and in the queue, leave with it. */
const TABLES = [
  "acontext_sessions.deletion_log",
  "acontext_sessions.runs",
  "acontext_sessions.settings_log",
  "acontext_sessions.message_keys",
  "cron.job_run_details",
];

/** The traces of one day: deletions, messages with a key, runs, a changed setting, the jobs; and then the purge. */
const NIGHT = `
create function pg_temp.night() returns integer language plpgsql as $$
declare
  v_now timestamptz := acontext_sessions.clock();
begin
  insert into acontext_sessions.deletion_log (
    id, origin_id, reason, user_id, acontext_session_id, acontext_disk_id, session_proof, session_gone_at,
    disk_proof, disk_gone_at, attempts, requested_at, finished_at
  )
  select i.id, i.id, 'expired', gen_random_uuid(), i.id, gen_random_uuid(), 'deleted', v_now,
    'deleted', v_now, 1, v_now, v_now
  from (select gen_random_uuid() as id from generate_series(1, ${SESSIONS_A_DAY})) as i;
  -- All in one session that lives on: with a session its keys leave. What became of every tenth nobody ever learned.
  insert into acontext_sessions.message_keys (
    session_id, key_hash, body_hash, lease_id, leased_until, created_at, message_id, message_created_at
  )
  select s.id, encode(sha256(uuid_send(i.id)), 'hex'), encode(sha256('body'), 'hex'), i.id, v_now, v_now,
    case when i.n % 10 > 0 then i.id end, case when i.n % 10 > 0 then v_now end
  from public.session_mappings as s, (select n, gen_random_uuid() as id from generate_series(1, ${SESSIONS_A_DAY}) as n) as i;
  insert into acontext_sessions.runs (id, task, trigger, status, requested_at, finished_at, stop_reason)
  select gen_random_uuid(), 'sweep', 'retry', 'finished', v_now, v_now, 'empty' from generate_series(1, 50);
  insert into acontext_sessions.settings_log (changed_at, changed_by, old, new)
  values (v_now, 'postgres', '{"max_workers": 4}', '{"max_workers": 8}');
  insert into cron.job_run_details (jobid, command, username, status, start_time, end_time)
  select 1, 'select acontext_sessions.dispatch_sweep(''retry'', false, false)', 'postgres', 'succeeded',
    v_now, v_now
  from generate_series(1, 290);
  -- The weekly reconcile; receipts stay until it has passed.
  if extract(dow from v_now) = 0 then
    update acontext_sessions.reconcile_state set reconciled_until = v_now - interval '2 hours' where only_row;
  end if;
  return acontext_sessions.purge_history();
end $$`;

interface Size {
  name: string;
  rows: number;
  bytes: number;
}

async function sizes(admin: postgres.Sql): Promise<Map<string, Size>> {
  const rows = await admin<Size[]>`
    select t.name, pg_total_relation_size(t.name::regclass)::float8 as bytes,
      (xpath('/row/n/text()', query_to_xml('select count(*) as n from ' || t.name, false, true, '')))[1]::text::integer as rows
    from jsonb_array_elements_text(${admin.json(TABLES)}) as t (name)`;
  return new Map(rows.map((row) => [row.name, row]));
}

integrationTest(
  "nothing of ours grows without bound: a year of 1,000 sessions a day",
  async ({ info }) => {
    const admin = postgres(info.adminDatabaseUrl, {
      max: 1,
      fetch_types: false,
      onnotice: () => {},
    });
    try {
      // Without its user.
      await admin`set session_replication_role = replica`;
      await admin`
        insert into public.session_mappings (user_id, status, pinned, acontext_session_id, acontext_disk_id)
        values (gen_random_uuid(), 'active', true, gen_random_uuid(), gen_random_uuid())`;
      await admin.unsafe(NIGHT);
      let settled = new Map<string, Size>();
      for (let night = 1; night <= NIGHTS; night++) {
        await setClock(admin, `now() + interval '${night} days'`);
        await admin`select pg_temp.night()`;
        // What autovacuum does by itself in the course of a day.
        if (night % 5 === 0) {
          for (const table of TABLES) await admin.unsafe(`vacuum (analyze) ${table}`);
        }
        if (night === SETTLED) settled = await sizes(admin);
      }
      const atEnd = await sizes(admin);
      console.table(
        [...atEnd.values()].map(({ name, rows, bytes }) => ({
          table: name,
          rows,
          "KiB on night 120": Math.round((settled.get(name)?.bytes ?? 0) / 1024),
          "KiB on night 365": Math.round(bytes / 1024),
        })),
      );
      for (const { name, rows, bytes } of atEnd.values()) {
        const before = settled.get(name) ?? { rows: 0, bytes: 0 };
        assert(rows <= before.rows * TOLERANCE, `${name}: ${rows} rows`);
        // A few pages more or less mean nothing in a small table.
        assert(bytes <= before.bytes * TOLERANCE + 65_536, `${name}: ${bytes} bytes`);
      }
      assertEquals(atEnd.get("acontext_sessions.deletion_log")?.rows, 90 * SESSIONS_A_DAY);
    } finally {
      await setClock(admin, "now()");
      await admin`delete from public.session_mappings`;
      // Its history lies in the future.
      await admin`delete from cron.job_run_details where start_time > now()`;
      await admin.end({ timeout: 1 });
    }
  },
);

function setClock(admin: postgres.Sql, now: string) {
  return admin.unsafe(`
    create or replace function acontext_sessions.clock() returns timestamptz
    language sql stable security invoker set search_path = '' as $$ select ${now}; $$`);
}
