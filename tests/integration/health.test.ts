import { assertEquals, assertStringIncludes } from "@std/assert/mod.js";
import { z } from "zod";
import { HEALTH_REASONS } from "../../supabase/functions/_acontext_sessions/core/health/reasons.ts";
import { eventually } from "../support/eventually.ts";
import { NAMESPACE } from "./support/remote.ts";
import { expiredSessions, orphanSession, stuckSession } from "./support/sessions.ts";
import { answering, hanging } from "./support/strange_servers.ts";
import { asSuperuser, lockTables } from "./support/superuser.ts";
import { createSecret, hideSecret, setSecret, showSecret } from "./support/vault.ts";
import { integrationTest, type World } from "./support/world.ts";

const answerSchema = z.looseObject({
  status: z.string(),
  reasons: z.array(z.object({
    code: z.string(),
    severity: z.string(),
    message: z.string(),
    remedy: z.string(),
  })),
});

async function health({ call, info }: World, query = "") {
  const answer = await call("session-health", query, { headers: { apikey: info.secretKey } });
  assertEquals(answer.status, 200, JSON.stringify(answer.body));
  return answerSchema.parse(answer.body);
}

const codesOf = async (world: World) => (await health(world)).reasons.map(({ code }) => code);

const dispatch = ({ database: { sql } }: World) =>
  sql`select acontext_sessions.dispatch_sweep('schedule', true, false)`;

interface Fault {
  provoke(world: World): Promise<unknown>;
  /** What an operator does, as the remedy says. */
  heal(world: World): Promise<unknown>;
}

/** A session whose expiry is three days past, which is more than a daily schedule explains. */
async function longExpired(world: World): Promise<void> {
  const { id } = await world.created(await world.newUser());
  await world.database.sql`
    update public.session_mappings set last_activity_at = acontext_sessions.clock() - interval '33 days'
    where id = ${id}`;
}

/** As `npm run ops -- rotate-secret` does. */
const rotateSecret = ({ database: { sql }, info }: World) =>
  sql`select public.acontext_set_vault_secrets(${info.apiUrl}, null)`;

const callArrives = (world: World) =>
  eventually("a call has arrived", async () => (await codesOf(world)).length === 0);

/** A server that outlives `provoke`, until `heal`. */
let strange: { url: string; close(): Promise<void> } | undefined;

/** Somebody's lock, until `heal`. */
let lock: Awaited<ReturnType<typeof lockTables>> | undefined;

const FAULTS: Record<keyof typeof HEALTH_REASONS, Fault> = {
  vault_off: {
    provoke: (world) => asSuperuser(world, "drop extension supabase_vault cascade"),
    async heal(world) {
      await world.database.sql.unsafe("create extension supabase_vault with schema vault");
      await rotateSecret(world);
    },
  },
  vault_unreadable: {
    provoke: (world) =>
      asSuperuser(
        world,
        `update vault.secrets set secret = encode(decode(secret, 'base64') || '\\x00', 'base64')
        where name like 'acontext_sessions_%'`,
      ),
    heal: rotateSecret,
  },
  pg_net_off: {
    provoke: (world) => asSuperuser(world, "drop extension pg_net cascade"),
    heal: ({ database: { sql } }) => sql.unsafe("create extension pg_net with schema extensions"),
  },
  pg_net_unreadable: {
    async provoke(world) {
      lock = await lockTables(world, ["net.http_request_queue"]);
    },
    heal: () => lock?.release() ?? Promise.resolve(),
  },
  pg_cron_off: {
    provoke: (world) => asSuperuser(world, "drop extension pg_cron cascade"),
    async heal({ database }) {
      await database.sql.unsafe("create extension pg_cron with schema pg_catalog");
      await database.configure({});
    },
  },
  pg_cron_unreadable: {
    async provoke(world) {
      lock = await lockTables(world, ["cron.job_run_details"]);
    },
    heal: () => lock?.release() ?? Promise.resolve(),
  },
  unusable_key: {
    provoke: (world) => createSecret(world, "acontext_sessions_secret_key", "sb_secret_1\nx: y"),
    heal: rotateSecret,
  },
  unusable_url: {
    provoke: (world) =>
      setSecret(world, "acontext_sessions_project_url", "abcdefghijklmnopqrst.supabase.co"),
    heal: rotateSecret,
  },
  wrong_schedule: {
    provoke: (world) =>
      asSuperuser(
        world,
        `update cron.job set schedule = '5-1 * * * *' where jobname = 'acontext-sessions-retry'`,
      ),
    heal: ({ database }) => database.configure({ retry_schedule: "* * * * *" }),
  },
  pg_net_blocked: {
    async provoke(world) {
      const { sql } = world.database;
      const server = hanging();
      strange = server;
      await expiredSessions(world, 1);
      await sql`select net.http_get(${server.url}, timeout_milliseconds := 300000)`;
      await server.asked;
      await dispatch(world);
      await sql`
        update acontext_sessions.runs set requested_at = acontext_sessions.clock() - interval '2 minutes'
        where status = 'requested'`;
    },
    async heal(world) {
      await strange?.close();
      await callArrives(world);
    },
  },
  wrong_server: {
    async provoke(world) {
      strange = answering(() => new Response("<html>Welcome</html>"));
      await expiredSessions(world, 1);
      await setSecret(world, "acontext_sessions_project_url", strange.url);
      await dispatch(world);
      await eventually("the answer is seen", async () => (await codesOf(world)).length > 0);
    },
    async heal(world) {
      await strange?.close();
      await rotateSecret(world);
      await callArrives(world);
    },
  },
  not_configured: {
    provoke: (world) => hideSecret(world, "acontext_sessions_project_url"),
    heal: (world) => showSecret(world, "acontext_sessions_project_url"),
  },
  job_missing: {
    provoke: ({ database: { sql } }) => sql`select cron.unschedule('acontext-sessions-purge')`,
    heal: ({ database }) => database.configure({}),
  },
  job_failing: {
    provoke: ({ database: { sql } }) =>
      sql`
        insert into cron.job_run_details (runid, jobid, command, database, username, status, start_time, end_time)
        select 2000000000, j.jobid, j.command, 'postgres', 'postgres', 'failed', now(), now()
        from cron.job as j where j.jobname = 'acontext-sessions-cleanup'`,
    heal: ({ database: { sql } }) => sql`delete from cron.job_run_details where runid = 2000000000`,
  },
  worker_unreachable: {
    async provoke(world) {
      await expiredSessions(world, 1);
      await setSecret(world, "acontext_sessions_project_url", "http://127.0.0.1:1");
      await dispatch(world);
      await eventually("the failure is seen", async () => (await codesOf(world)).length > 0);
    },
    async heal(world) {
      await rotateSecret(world);
      await callArrives(world);
    },
  },
  acontext_unreachable: {
    async provoke(world) {
      await expiredSessions(world, 1);
      await world.remote.withFaults([{ route: "*", fault: { kind: "outage" } }], async () => {
        assertEquals((await world.swept()).stopReason, "outage");
      });
    },
    async heal(world) {
      await world.database.makeDue();
      await world.swept();
    },
  },
  run_failed: {
    async provoke({ database: { sql } }) {
      const runId = crypto.randomUUID();
      await sql`select public.acontext_start_sweep(${runId}, false)`;
      await sql`select public.acontext_finish_sweep(${runId}, '{"stopReason": "error"}')`;
    },
    heal: (world) => world.swept(),
  },
  runs_failing: {
    async provoke({ database: { sql } }) {
      for (let n = 0; n < 2; n++) {
        const runId = crypto.randomUUID();
        await sql`select public.acontext_start_sweep(${runId}, false)`;
        await sql`select public.acontext_finish_sweep(${runId}, '{"stopReason": "error"}')`;
      }
    },
    heal: (world) => world.swept(),
  },
  cleanup_overdue: { provoke: longExpired, heal: (world) => world.swept() },
  queueing_failed: {
    async provoke(world) {
      await expiredSessions(world, 1);
      const asked = await world.created(await world.newUser());
      // What is locked for too long, as the database says it.
      await world.database.sql.unsafe(`
        create function public.app_refuses() returns trigger language plpgsql
        as $$ begin raise lock_not_available; end $$;
        create trigger app_refuses before update on public.session_mappings
          for each row when (old.expires_at < now()) execute function public.app_refuses();
        delete from public.session_mappings where id = '${asked.id}'`);
      const swept = await world.swept();
      assertEquals([swept.stopReason, swept.deleted], ["queueing_failed", 1]);
    },
    async heal(world) {
      await world.database.sql.unsafe(`drop function public.app_refuses() cascade`);
      assertEquals((await world.swept()).deleted, 1);
    },
  },
  sessions_set_aside: {
    async provoke(world) {
      const [poison] = await expiredSessions(world, 2);
      await world.database.sql.unsafe(`
        create function public.app_refuses() returns trigger language plpgsql
        as $$ begin raise exception 'not this one'; end $$;
        create trigger app_refuses before update on public.session_mappings
          for each row when (old.id = '${poison?.id}') execute function public.app_refuses()`);
      const swept = await world.swept();
      assertEquals([swept.stopReason, swept.deleted], ["empty", 1]);
    },
    async heal(world) {
      await world.database.sql.unsafe(`drop function public.app_refuses() cascade`);
      assertEquals((await world.swept()).deleted, 1);
    },
  },
  backlog_growing: {
    async provoke(world) {
      await world.swept();
      await longExpired(world);
    },
    heal: (world) => world.swept(),
  },
  stuck_sessions: {
    provoke: stuckSession,
    async heal(world) {
      const [entry] = await world.database.queue();
      await world.database.sql`select public.acontext_retry_deletion(${entry?.id ?? ""})`;
      assertEquals((await world.swept()).deleted, 1);
    },
  },
  too_many_expiring: {
    async provoke(world) {
      await world.database.configure({ max_expiry_minimum: 2 });
      await expiredSessions(world, 3);
      assertEquals((await world.swept()).stopReason, "too_many_expiring");
    },
    heal: (world) => world.swept({ force: true }),
  },
  too_many_erased: {
    async provoke(world) {
      for (let n = 0; n < 11; n++) await world.created(await world.newUser());
      // As after a restore that left them out.
      await asSuperuser(
        world,
        `alter table auth.users disable trigger acontext_note_erased_users;
        delete from auth.users where id in (select user_id from public.session_mappings);
        alter table auth.users enable trigger acontext_note_erased_users`,
      );
      await world.database.sql`select acontext_sessions.dispatch_sweep('schedule', true, false)`;
    },
    async heal(world) {
      await world.database.sql`select acontext_sessions.find_erased_users(true)`;
      assertEquals((await world.swept()).deleted, 11);
    },
  },
  reconcile_overdue: {
    provoke: ({ database: { sql } }) =>
      sql`
        update acontext_sessions.reconcile_state
        set pass_finished_at = acontext_sessions.clock() - interval '17 days' where only_row`,
    heal: (world) => world.reconciled(),
  },
  too_many_unknown: {
    async provoke(world) {
      for (let n = 0; n < 11; n++) await orphanSession(world);
      await world.remote.control.age(7_200);
      await world.reconciled();
    },
    async heal(world) {
      await world.reconciled({ force: true });
      await world.database.makeDue();
      assertEquals((await world.swept()).deleted, 11);
    },
  },
  reconcile_skipped: {
    async provoke({ database: { sql } }) {
      const runId = crypto.randomUUID();
      await sql`select public.acontext_start_reconcile(${runId}, 60)`;
      await sql`
        select public.acontext_save_reconcile_progress(${runId}, 'sessions', '[]', '[]', '{}', true, p_skipped => 1)`;
      await sql`select public.acontext_finish_reconcile(${runId}, '{"stopReason": "complete"}')`;
    },
    heal: (world) => world.reconciled(),
  },
  unproven_resources: {
    provoke: ({ database: { sql } }) =>
      sql`
        insert into acontext_sessions.deletion_log (
          id, origin_id, reason, session_proof, session_gone_at, disk_proof, disk_gone_at, attempts, requested_at
        )
        select i.id, i.id, 'requested', 'deleted', acontext_sessions.clock(), 'unproven', acontext_sessions.clock(), 1, acontext_sessions.clock()
        from (select gen_random_uuid()) as i (id)`,
    heal: ({ database: { sql } }) =>
      sql`delete from acontext_sessions.deletion_log where disk_proof = 'unproven'`,
  },
  cleanup_disabled: {
    provoke: ({ database }) => database.configure({ cleanup_enabled: false }),
    heal: ({ database }) => database.configure({ cleanup_enabled: true }),
  },
};

for (const [code, { provoke, heal }] of Object.entries(FAULTS)) {
  integrationTest(`health tells ${code} with its remedy, until it is healed`, async (world) => {
    await world.database.quietSchedule();
    assertEquals(await codesOf(world), [], "before");
    try {
      await provoke(world);
      const { status, reasons } = await health(world);
      assertEquals(reasons.map((reason) => reason.code), [code]);
      const expected = Object.entries(HEALTH_REASONS).find(([name]) => name === code)?.[1];
      assertEquals(
        [status, reasons[0]?.severity, reasons[0]?.remedy],
        [expected?.severity, expected?.severity, expected?.remedy],
      );
    } finally {
      await heal(world);
    }
    assertEquals((await health(world)).reasons, [], "after");
  });
}

integrationTest("health tells everybody the status only, and a key everything", async (world) => {
  const open = await world.call("session-health", "", {});
  assertEquals(open.status, 200);
  assertEquals(Object.keys(z.record(z.string(), z.string()).parse(open.body)), ["status"]);
  const all = await health(world, "?probe=acontext");
  assertEquals(all["acontext"], { reachable: true, problem: null });
  assertEquals(all["namespace"], NAMESPACE);
});

integrationTest("health knows when Acontext refuses the key", async (world) => {
  await world.remote.withFaults(
    [{ route: "*", fault: { kind: "status", status: 401 } }],
    async () => {
      const { acontext } = await health(world, "?probe=acontext");
      assertEquals(acontext, { reachable: false, problem: "http_401" });
    },
  );
});

integrationTest("health speaks Prometheus through the gateway", async ({ info }) => {
  const response = await fetch(`${info.apiUrl}/functions/v1/session-health`, {
    headers: { apikey: info.secretKey, accept: "text/plain" },
  });
  assertEquals(response.headers.get("content-type")?.startsWith("text/plain"), true);
  assertStringIncludes(await response.text(), '\nacontext_sessions_reason{reason="job_missing"} ');
});

integrationTest("health and sweeps work whatever rows have been written by hand", async (world) => {
  const asked = await world.created(await world.newUser());
  await asSuperuser(
    world,
    `delete from public.session_mappings where id = '${asked.id}';
    update acontext_sessions.deletion_queue set messages = -3, attempts = 2147483647, repeated_deletes = 2147483647;
    insert into acontext_sessions.runs (
      id, task, trigger, status, requested_at, started_at, finished_at, total, deleted, failed, deferred, expired, stale,
      errors, stop_reason, slots, probe_ms
    )
    select gen_random_uuid(), t, 'schedule', 'finished', a, a, a, -1, -1, -1, -1, -1, -1, '[1, null, "x", {"id": 1}]', 'error', -9, -9
    from unnest(enum_range(null::acontext_sessions.run_task)) as t,
      unnest(array['infinity', '-infinity', '294276-01-01', '4713-01-01 BC', acontext_sessions.clock()]::timestamptz[]) as a;
    insert into acontext_sessions.deletion_log (
      id, origin_id, reason, session_proof, session_gone_at, disk_proof, disk_gone_at, attempts, requested_at, messages,
      session_ms, finished_at
    )
    select gen_random_uuid(), gen_random_uuid(), 'requested', 'unproven', a, 'deleted', a, -1, a, 2147483647, -2147483648, a
    from unnest(array['infinity', '-infinity', '294276-01-01']::timestamptz[]) as a;
    update acontext_sessions.reconcile_state
    set pass_seen = -1, pass_unknown = -1, pass_started_at = 'infinity', pass_finished_at = 'infinity',
      run_until = 'infinity' where only_row;
    insert into acontext_sessions.settings_log (changed_by, old, new) values ('', '[]', '"x"');
    insert into acontext_sessions.erased_users (user_id, erased_at)
    values (gen_random_uuid(), 'infinity'), (gen_random_uuid(), '-infinity');
    insert into acontext_sessions.set_aside (session_id, step, problem, since, next_attempt_at)
    values (gen_random_uuid(), 'expiry', '', '-infinity', '294276-01-01')`,
  );
  await health(world);
  const swept = await world.swept();
  assertEquals([swept.stopReason, swept.deleted], ["empty", 1]);
  assertEquals((await world.reconciled()).stopReason, "complete");
  await health(world);
});
