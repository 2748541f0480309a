import { assert, assertEquals, assertGreaterOrEqual } from "@std/assert/mod.js";
import { delay } from "@std/async/delay.js";
import { eventually } from "../../support/eventually.ts";
import { databaseTest, shareDatabase } from "../platform/database.ts";

const database = shareDatabase();

/** Schedules a job, and takes it away again with its runs. */
async function withJob(
  [when, command]: [when: string, command: string],
  use: (job: { runs(): Promise<Record<string, unknown>[]> }) => Promise<void>,
): Promise<void> {
  const name = `contract-${crypto.randomUUID()}`;
  const [row] = await database.sql<{ id: string }[]>`
    select cron.schedule(${name}, ${when}, ${command}) as id`;
  const id = row?.id ?? "";
  try {
    await use({
      runs: () =>
        database.sql`select * from cron.job_run_details where jobid = ${id} order by runid`,
    });
  } finally {
    await database.sql`select cron.unschedule(${name})`;
    await database.sql`delete from cron.job_run_details where jobid = ${id}`;
  }
}

/** The first run that has ended. */
async function firstRun(runs: () => Promise<Record<string, unknown>[]>) {
  return await eventually("it ran", async () => {
    const [run] = await runs();
    return run?.["end_time"] instanceof Date ? run : null;
  });
}

databaseTest(
  "a job runs every second as its user, and its run is noted",
  () =>
    withJob(["1 second", "select 1 union all select 2"], async ({ runs }) => {
      const run = await firstRun(runs);
      assertEquals(
        [run["username"], run["database"], run["command"], run["status"], run["return_message"]],
        ["postgres", "postgres", "select 1 union all select 2", "succeeded", "2 rows"],
      );
      assert(Number(run["job_pid"]) > 0);
      await eventually("it runs again", async () => (await runs()).length >= 2);
    }),
);

databaseTest("a job says what it did", async () => {
  const commands: [string, string][] = [
    ["select 1", "1 row"],
    ["do $$ begin end $$", "DO"],
    [
      "create temporary table contract_rows (n int); insert into contract_rows values (1), (2)",
      "INSERT 0 2",
    ],
  ];
  for (const [command, message] of commands) {
    await withJob(["1 second", command], async ({ runs }) => {
      const { status, return_message } = await firstRun(runs);
      assertEquals([status, String(return_message).trim()], ["succeeded", message]);
    });
  }
});

databaseTest(
  "a job that fails is noted, and goes on",
  () =>
    withJob(["1 second", "select 1 / 0"], async ({ runs }) => {
      const { status, return_message } = await firstRun(runs);
      assertEquals(status, "failed");
      assertEquals(String(return_message).trim(), "ERROR:  division by zero");
      await eventually("it fails again", async () => (await runs()).length >= 2);
    }),
);

databaseTest("a job has its role's settings", () =>
  withJob(
    ["1 second", "do $$ begin raise '%', session_user || current_setting('search_path'); end $$"],
    async ({ runs }) => {
      const { return_message } = await firstRun(runs);
      const [said] = String(return_message).split("\n");
      assertEquals(said, 'ERROR:  postgres"$user", public, extensions');
    },
  ));

databaseTest(
  "a job never overlaps itself",
  () =>
    withJob(["1 second", "select pg_sleep(1.6)"], async ({ runs }) => {
      const ended = await eventually("it ran three times", async () => {
        const found = (await runs()).filter((run) => run["end_time"] !== null);
        return found.length >= 3 ? found : null;
      }, 20_000);
      for (const [index, run] of ended.slice(1).entries()) {
        const before = ended[index]?.["end_time"];
        assertGreaterOrEqual(run["start_time"] as Date, before as Date);
      }
    }),
);

databaseTest("role postgres reads and deletes the notes of runs", async () => {
  const [row] = await database.sql`
    select has_table_privilege('cron.job_run_details', 'select') as reads,
      has_table_privilege('cron.job_run_details', 'delete') as deletes`;
  assertEquals(row, { reads: true, deletes: true });
});

databaseTest("one job whose owner is gone keeps all others from running", async () => {
  const role = `contract_${crypto.randomUUID().replaceAll("-", "")}`;
  const dropRole = `
    reset role;
    revoke all on all functions in schema cron from ${role};
    revoke usage on schema cron from ${role};
    drop role ${role}`;
  const makeRole = `
    create role ${role} login;
    grant ${role} to postgres;
    grant usage on schema cron to ${role};
    grant execute on all functions in schema cron to ${role};
    set role ${role}`;
  const sql = database.connect();
  try {
    await sql.unsafe(makeRole);
    await sql`select cron.schedule(${role}, '0 0 1 1 *', 'select 1')`;
    await sql.unsafe(dropRole);
    await withJob(["1 second", "select 1"], async ({ runs }) => {
      await delay(4_000);
      const ranMeanwhile = (await runs()).length;
      await sql.unsafe(makeRole);
      await sql`select cron.unschedule(${role})`;
      await sql.unsafe(dropRole);
      assertEquals(ranMeanwhile, 0);
      await firstRun(runs);
    });
  } finally {
    await sql.end();
  }
});
