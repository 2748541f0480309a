import { assertEquals } from "@std/assert/mod.js";
import { eventually } from "../support/eventually.ts";
import { assertNothingLeft } from "../integration/support/remote.ts";
import { integrationTest, type World } from "../integration/support/world.ts";

/** The scheduler looks once a minute and runs what is due at the beginning of the next. */
const TWO_MINUTES = 130_000;
const EVERY_MINUTE = "* * * * *";
/** Every four years. */
const NEVER = "0 0 29 2 *";

interface Execution {
  jobname: string;
  status: string;
  message: string | null;
}

/** What the scheduler has run in this test, by the name of the job. */
async function executions({ database: { sql } }: World, jobname: string): Promise<Execution[]> {
  const rows = await sql<Execution[]>`
    select j.jobname, d.status, d.return_message as message
    from cron.job_run_details as d
    join cron.job as j on j.jobid = d.jobid
    where j.jobname = ${jobname} and d.status in ('succeeded', 'failed')`;
  return [...rows];
}

/** Lets only the wanted jobs run, and puts the schedule back at the end. */
async function withSchedule(
  world: World,
  changes: { cleanup_schedule?: string; retry_schedule?: string },
  test: () => Promise<void>,
): Promise<void> {
  const [before] = await world.database.sql<
    { cleanup_schedule: string; retry_schedule: string; reconcile_schedule: string }[]
  >`select cleanup_schedule, retry_schedule, reconcile_schedule from acontext_sessions.settings`;
  if (before === undefined) throw new Error("Cannot read the settings");
  await world.database.configure({
    cleanup_schedule: NEVER,
    retry_schedule: NEVER,
    reconcile_schedule: NEVER,
    ...changes,
  });
  try {
    await test();
  } finally {
    await world.database.configure({ ...before });
  }
}

integrationTest("the scheduler itself has expired sessions deleted", async (world) => {
  const user = await world.newUser();
  const [expired, fresh] = [await world.created(user), await world.created(user)];
  await world.database.expire([expired.id]);

  await withSchedule(world, { cleanup_schedule: EVERY_MINUTE }, async () => {
    const run = await eventually("a nightly run has finished", async () => {
      return (await world.database.runs()).find(({ status }) => status === "finished");
    }, TWO_MINUTES);
    assertEquals([run.trigger, run.deleted, run.stop_reason], ["schedule", 1, "empty"]);
    const [execution] = await eventually("the scheduler says so", async () => {
      const found = await executions(world, "acontext-sessions-cleanup");
      return found.length > 0 && found;
    });
    assertEquals(execution?.status, "succeeded", execution?.message ?? "");
  });

  assertEquals(await world.database.statusOf(expired.id), null);
  const audit = await world.remote.audit();
  assertEquals(audit.sessions.map(({ id }) => id), [fresh.id]);
  assertEquals(audit.disks.map(({ id }) => id), [fresh.acontextDiskId]);
  const { sql } = world.database;
  const answer = await eventually("pg_net has the answer", async () => {
    const [row] = await sql<{ status: number }[]>`
      select a.status_code as status
      from net._http_response as a
      join acontext_sessions.runs as r on r.request_id = a.id`;
    return row;
  });
  assertEquals(answer.status, 202);
});

integrationTest("the scheduler itself has a failed deletion retried", async (world) => {
  const user = await world.newUser();
  const { id } = await world.created(user);
  await world.remote.withFaults(
    [{ route: "DELETE /disk/:id", fault: { kind: "status", status: 500 } }],
    async () => assertEquals((await world.remove(user, id)).status, 202),
  );
  await world.database.makeDue();
  await withSchedule(world, { retry_schedule: EVERY_MINUTE }, async () => {
    const run = await eventually("a retry run has finished", async () => {
      return (await world.database.runs()).find(({ status }) => status === "finished");
    }, TWO_MINUTES);
    assertEquals([run.trigger, run.deleted], ["retry", 1]);
  });
  assertNothingLeft(await world.remote.audit());
});
