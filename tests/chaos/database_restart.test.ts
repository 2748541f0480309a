import { assert, assertEquals } from "@std/assert/mod.js";
import postgres from "postgres";
import { eventually } from "../integration/support/eventually.ts";
import { type Chaos, chaosTest, endOf, slowDeletes, WORKERS } from "./chaos.ts";

const SESSIONS = 150;
const SLOW_MS = 100;

/** Calls the workers as the nightly job does, and waits until nothing is left. */
async function dispatchUntilEmpty({ world }: Chaos): Promise<number> {
  const { database } = world;
  const [row] = await eventually(
    "the database takes a dispatch",
    () =>
      database.sql<{ count: number }[]>`
        select private.dispatch_cleanup('nightly', true, true) as count`.catch(() => null),
  );
  await eventually("nothing is left", async () => await database.rowCount() === 0, 30_000);
  return row?.count ?? 0;
}

/** When the database and the API in front of it answer again. */
async function recovered({ world }: Chaos): Promise<void> {
  await eventually("the database answers", () => world.database.runs().catch(() => null));
  await eventually("the API answers", async () => {
    const { error } = await world.admin().rpc("preview_cleanup", { p_limit: 1, p_force: false });
    return error === null;
  }, 30_000);
}

chaosTest("a database that restarts midway loses nothing, stopped or crashed", async (chaos) => {
  const { world, stack } = chaos;
  const { database, remote } = world;
  await database.configure({ concurrency: 4, max_per_run: 40 });
  for (const mode of ["fast", "immediate"] as const) {
    await chaos.addExpired(SESSIONS);
    await remote.control.setFaults(slowDeletes(SLOW_MS));
    const receipts = (await database.receipts()).length;
    const calls = Array.from({ length: WORKERS }, () => world.cleanup({ force: true }));
    await eventually("some are deleted", async () => {
      return (await database.receipts()).length > receipts + 10;
    });
    await stack.restartPostgres(mode);
    const ends = (await Promise.all(calls)).map(endOf);
    await recovered(chaos);
    await chaos.assertNoLeak();
    const left = await database.rowCount();
    assert(left > 0, "too late: all are deleted");
    for (const end of ends) assert(["error", "503", "limit", "empty"].includes(end), end);

    await remote.control.clearFaults();
    await chaos.passLongTime();
    const workers = await dispatchUntilEmpty(chaos);
    assert(workers > 0);
    console.log(`${mode}: runs ended ${ends.join(", ")}; ${left} sessions left to ${workers} more`);
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
    const [row] = await sql`select private.dispatch_cleanup('nightly', true, true) as count`;
    assertEquals(row?.["count"], 1);
    await stack.restartPostgres("immediate");
    await recovered(chaos);

    const [lost] = await sql`select count(*)::integer as count from net.http_request_queue`;
    assertEquals(lost?.["count"], 0, "the queue is unlogged");
    assertEquals((await world.database.runs()).map(({ status }) => status), ["requested"]);
    const [early] = await sql`select private.dispatch_cleanup('retry', true, true) as count`;
    assertEquals(early?.["count"], 0, "it may still be on its way");
    assertEquals(await world.database.rowCount(), 50);

    await chaos.passLongTime();
    assertEquals(await dispatchUntilEmpty(chaos), 1);
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
