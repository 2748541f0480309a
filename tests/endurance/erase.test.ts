import { assert, assertEquals, assertRejects } from "@std/assert/mod.js";
import postgres from "postgres";
import { assertRefused } from "../integration/support/functions.ts";
import { integrationTest, type World } from "../integration/support/world.ts";

const SESSIONS = Number(Deno.env.get("ERASE_SESSIONS") ?? "100000");
const RUN_ID = "40000000-0000-4000-8000-000000000001";
const STEP = 2_000;

/** Rows alone: what becomes of them in the queue is of other tests. As nobody but the superuser can make them. */
async function addSessions({ info }: World, userId: string): Promise<void> {
  const admin = postgres(info.adminDatabaseUrl, { max: 1, onnotice: () => {} });
  try {
    await admin.begin(async (tx) => {
      await tx`set local session_replication_role = replica`;
      await tx`
        insert into public.session_mappings (
          id, user_id, status, acontext_session_id, acontext_disk_id, expires_at
        )
        select i.id, ${userId}, 'active', i.id, gen_random_uuid(), now() + interval '30 days'
        from (select gen_random_uuid() as id from generate_series(1, ${SESSIONS})) as i`;
    });
    await admin`vacuum analyze public.session_mappings`;
  } finally {
    await admin.end({ timeout: 1 });
  }
}

async function progress({ database: { sql } }: World, userId: string) {
  const [row] = await sql<{ left: number; queued: number; noted: number }[]>`
    select
      (select count(*)::integer from public.session_mappings where user_id = ${userId}) as left,
      (select count(*)::integer from acontext_sessions.deletion_queue
       where user_id = ${userId} and reason = 'user_deleted') as queued,
      (select count(*)::integer from acontext_sessions.erased_users where user_id = ${userId}) as noted`;
  return row;
}

/** A step of a run as a worker asks for it: through the API, whose statements may take eight seconds. */
async function step(world: World): Promise<boolean> {
  const { data, error } = await world.admin().rpc("acontext_queue_due_sessions", {
    p_run_id: RUN_ID,
    p_limit: STEP,
  });
  assertEquals(error, null);
  return typeof data === "object" && data !== null && "more" in data && data["more"] === true;
}

integrationTest(
  `a user with ${SESSIONS} sessions is erased at once, and they are queued in steps`,
  async (world) => {
    const user = await world.newUser();
    const session = await world.created(await world.newUser());
    await addSessions(world, user.id);
    await world.database.sql.begin(async (tx) => {
      await tx`set local statement_timeout = '8s'`;
      await tx`delete from auth.users where id = ${user.id}`;
    });
    assertEquals(await progress(world, user.id), { left: SESSIONS - 100, queued: 100, noted: 1 });

    const { data } = await user.client.from("session_mappings").select("id").limit(1)
      .throwOnError();
    assertEquals(data, []);
    assertRefused(await world.create(user), 403, "user_deleted");

    const started = await world.admin().rpc("acontext_start_sweep", {
      p_run_id: RUN_ID,
      p_force: false,
    });
    assertEquals(started.error, null);
    // Nobody works the queue off meanwhile: it is counted.
    await world.database.configure({ cleanup_enabled: false });
    await world.database.silenceJobs();
    // The worker's connection breaks in its step: what it had not committed is as before, and somebody else goes on.
    await assertRejects(() =>
      world.database.sql.begin(async (tx) => {
        await tx`select public.acontext_queue_due_sessions(${RUN_ID}, ${STEP})`;
        throw new Error("the connection breaks");
      })
    );
    assertEquals(await progress(world, user.id), { left: SESSIONS - 100, queued: 100, noted: 1 });
    // The step of the retry job, which takes none while the cleanup is off.
    await world.database.sql`select acontext_sessions.dispatch_sweep('retry', false, false)`;
    assertEquals((await progress(world, user.id))?.queued, 100);
    await world.database.sql`select acontext_sessions.queue_erased(${STEP})`;
    assertEquals((await progress(world, user.id))?.queued, 100 + STEP);

    let steps = 1;
    while (await step(world)) steps++;
    assert(steps <= Math.ceil(SESSIONS / STEP), `${steps} steps`);
    assertEquals(await progress(world, user.id), { left: 0, queued: SESSIONS, noted: 0 });
    assertEquals(await world.database.statusOf(session.id), "active", "that of somebody else");
  },
);
