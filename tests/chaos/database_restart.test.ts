import { assert, assertEquals } from "@std/assert/mod.js";
import postgres from "postgres";
import { createSeededRandom } from "../../local/acontext/fault_rules.ts";
import { eventually } from "../support/eventually.ts";
import type { Session } from "../integration/support/functions.ts";
import { ours } from "../integration/support/remote.ts";
import { type Chaos, chaosTest, chooseSeed, slowDeletes, startClients } from "./chaos.ts";

const SESSIONS = 150;
const SLOW_MS = 100;

/** Calls the workers as the nightly job does, and waits until nothing is left. */
async function dispatchUntilEmpty({ world }: Chaos): Promise<number> {
  const { database } = world;
  const [row] = await eventually(
    "the database takes a dispatch",
    () =>
      database.sql<{ count: number }[]>`
        select acontext_sessions.dispatch_sweep('schedule', true, true) as count`.catch(() => null),
  );
  await eventually("nothing is left", async () => await database.rowCount() === 0, 30_000);
  return row?.count ?? 0;
}

/** When the database and the API in front of it answer again. */
async function recovered({ world }: Chaos): Promise<void> {
  await eventually("the database answers", () => world.database.runs().catch(() => null));
  await eventually("the API answers", async () => {
    const { error } = await world.admin().rpc("acontext_preview_sweep", {
      p_limit: 1,
      p_force: false,
    });
    return error === null;
  }, 30_000);
}

/** Restarts the database between the first deletes and the last reports; answers how the runs ended that were at work. */
async function restartUnderWork(
  chaos: Chaos,
  mode: "fast" | "immediate",
  random: () => number,
): Promise<Record<string, number>> {
  const { world: { database, remote }, stack } = chaos;
  const live = await chaos.addPinned("live");
  await chaos.addExpired(SESSIONS);
  await remote.control.setFaults(slowDeletes(SLOW_MS));
  const disks = async () => ours(await remote.audit()).disks.length;
  const before = await disks();
  // Small runs, so that mostly there is one that asks the database for something.
  const clients = startClients(chaos.world, { limit: 4 });
  const enough = SESSIONS * (0.1 + 0.5 * random());
  let ends: Record<string, number>;
  try {
    await eventually("some are deleted", async () => before - await disks() > enough);
    assert(await database.rowCount() > 1, "too late: all are deleted");
    await stack.restartPostgres(mode);
  } finally {
    ends = await clients.stop();
  }
  await recovered(chaos);
  await assertUsable(chaos, live);
  await chaos.assertNoLeak();
  return ends;
}

/** Its owner sees the session as it was, and can delete it. */
async function assertUsable({ world, user }: Chaos, { id, title }: Session): Promise<void> {
  const { data } = await user.client.from("session_mappings").select("title, status").eq("id", id);
  assertEquals(data, [{ title, status: "active" }]);
  assertEquals((await world.remove(user, id)).status, 200);
}

chaosTest("a database that restarts midway loses nothing, stopped or crashed", async (chaos) => {
  const { database, remote } = chaos.world;
  const seed = chooseSeed();
  console.log(`CHAOS_SEED=${seed}`);
  const random = createSeededRandom(seed);
  await database.configure({ concurrency: 4, max_per_run: 40 });
  for (const mode of ["fast", "immediate"] as const) {
    let ends: Record<string, number> = {};
    // A restart takes a moment only, in which all runs may be busy with Acontext.
    for (let restart = 0; (ends["error"] ?? 0) + (ends["503"] ?? 0) === 0; restart++) {
      assert(restart < 20, "nobody notices");
      ends = await restartUnderWork(chaos, mode, random);
    }
    const left = await database.rowCount();

    await remote.control.clearFaults();
    await chaos.passLongTime();
    const workers = await dispatchUntilEmpty(chaos);
    assert(workers > 0, "nothing was left to do");
    console.log(`${mode}: runs ended ${JSON.stringify(ends)}; ${left} left to ${workers} more`);
    await chaos.assertNoOverlap();
    await chaos.assertAllGone();
  }
});

chaosTest(
  "calls that pg_net lost in a crash are made again by the next dispatch",
  async (chaos) => {
    const { world, stack } = chaos;
    const { sql } = world.database;
    await chaos.addExpired(50);
    await holdPgNet(chaos);
    const [row] =
      await sql`select acontext_sessions.dispatch_sweep('schedule', true, true) as count`;
    assertEquals(row?.["count"], 1);
    await stack.restartPostgres("immediate");
    await recovered(chaos);

    const [lost] = await sql`select count(*)::integer as count from net.http_request_queue`;
    assertEquals(lost?.["count"], 0, "the queue is unlogged");
    assertEquals((await world.database.runs()).map(({ status }) => status), ["requested"]);
    const [next] = await sql`select acontext_sessions.dispatch_sweep('retry', true, true) as count`;
    assertEquals(next?.["count"], 1, "the crash that lost the call is known");
    const [run] = await world.database.runs();
    assertEquals([run?.status, run?.stop_reason], ["finished", "not_delivered"]);

    await dispatchUntilEmpty(chaos);
    await chaos.assertAllGone();
  },
);

/** Keeps pg_net from taking requests until the database goes down. */
async function holdPgNet({ world, stack }: Chaos): Promise<void> {
  const lock = 4711;
  const admin = postgres(stack.adminDatabaseUrl, { max: 1 });
  await admin.unsafe(`
    create function net.wait() returns trigger language plpgsql
    as $$ begin perform pg_catalog.pg_advisory_xact_lock_shared(${lock}); return old; end $$;
    create trigger wait before delete on net.http_request_queue
      for each row execute function net.wait();`);
  await admin.end();
  const connection = await world.database.sql.reserve();
  await connection`select pg_catalog.pg_advisory_lock(${lock})`;
}
