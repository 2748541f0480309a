import { assertEquals, assertNotEquals, assertRejects } from "@std/assert/mod.js";
import { databaseTest, shareDatabase } from "../platform/database.ts";

const database = shareDatabase();

const freshName = () => `contract-${crypto.randomUUID()}`;

async function schedule(name: string, when = "0 0 1 1 *", command = "select 1"): Promise<string> {
  const [row] = await database.sql<{ id: string }[]>`
    select cron.schedule(${name}, ${when}, ${command}) as id`;
  return row?.id ?? "";
}

async function unschedule(name: string): Promise<void> {
  await database.sql`select cron.unschedule(${name})`;
}

databaseTest(
  "cron.schedule() changes the job of that name, and leaves it inactive if it was",
  async () => {
    const name = freshName();
    const first = await schedule(name);
    await database.sql`select cron.alter_job(${first}, active => false)`;
    assertEquals(await schedule(name, "0 1 1 1 *", "select 2"), first);
    const [job] = await database.sql`
    select schedule, command, active, username, database from cron.job where jobname = ${name}`;
    assertEquals(job, {
      schedule: "0 1 1 1 *",
      command: "select 2",
      active: false,
      username: "postgres",
      database: "postgres",
    });
    await unschedule(name);
  },
);

databaseTest("cron.schedule() without a name makes a new job each time", async () => {
  const [row] = await database.sql<{ first: string; second: string }[]>`
    select cron.schedule('0 0 1 1 *', 'select 1') as first, cron.schedule('0 0 1 1 *', 'select 1') as second`;
  assertNotEquals(row?.first, row?.second);
  await database.sql`
    select cron.unschedule(${row?.first ?? ""}::bigint), cron.unschedule(${
    row?.second ?? ""
  }::bigint)`;
});

databaseTest("a name is one job for each user, and nobody sees or removes another's", async () => {
  const role = `contract_${crypto.randomUUID().replaceAll("-", "")}`;
  const name = freshName();
  const mine = await schedule(name);
  const sql = database.connect();
  try {
    await sql.unsafe(`
      create role ${role} login;
      grant ${role} to postgres;
      grant usage on schema cron to ${role};
      grant execute on all functions in schema cron to ${role};
      set role ${role}`);
    const [theirs] = await sql`select cron.schedule(${name}, '0 2 1 1 *', 'select 3') as id`;
    assertNotEquals(theirs?.["id"], mine);
    const seen = await sql`select username from cron.job where jobname = ${name}`;
    assertEquals(seen.map(({ username }) => username), [role]);
    await assertRejects(
      () => sql`select cron.alter_job(${mine}, active => false)`.execute(),
      Error,
      `Job ${mine} does not exist or you don't own it`,
    );
    await assertRejects(() => sql`select cron.unschedule(${mine}::bigint)`.execute(), Error);
  } finally {
    // First the job: one whose role is gone keeps the real pg_cron from running any.
    await sql`select cron.unschedule(jobname) from cron.job where username = ${role}`;
    await sql.unsafe(`
      reset role;
      revoke all on all functions in schema cron from ${role};
      revoke usage on schema cron from ${role};
      drop role ${role}`);
    await sql.end();
    await unschedule(name);
  }
});

databaseTest("pg_cron refuses what is not there", async () => {
  const { sql } = database;
  const refused: [() => Promise<unknown>, string][] = [
    [
      () => sql`select cron.unschedule('missing')`.execute(),
      "could not find valid entry for job 'missing'",
    ],
    [() => sql`select cron.unschedule(-1)`.execute(), "could not find valid entry for job -1"],
    [
      () => sql`select cron.alter_job(-1, active => false)`.execute(),
      "Job -1 does not exist or you don't own it",
    ],
    [
      () =>
        sql`select cron.schedule_in_database('x', '0 0 1 1 *', 'select 1', 'missing')`.execute(),
      'database "missing" does not exist',
    ],
  ];
  for (const [call, reason] of refused) await assertRejects(call, Error, reason);
});

databaseTest("pg_cron refuses what is not said", async () => {
  const { sql } = database;
  const refused: [() => Promise<unknown>, string][] = [
    [
      () => sql`select cron.schedule(null, '0 0 1 1 *', 'select 1')`.execute(),
      "job_name can not be NULL",
    ],
    [() => sql`select cron.schedule('x', null, 'select 1')`.execute(), "schedule can not be NULL"],
    [() => sql`select cron.schedule('x', '0 0 1 1 *', null)`.execute(), "command can not be NULL"],
  ];
  for (const [call, reason] of refused) await assertRejects(call, Error, reason);

  const name = freshName();
  const id = await schedule(name);
  await assertRejects(
    () => sql`select cron.alter_job(${id})`.execute(),
    Error,
    "no updates specified",
  );
  await unschedule(name);
});

databaseTest("only a superuser makes a job for somebody else", async () => {
  const { sql } = database;
  await assertRejects(
    () =>
      sql`select cron.schedule_in_database('x', '0 0 1 1 *', 'select 1', 'postgres', 'authenticator')`
        .execute(),
    Error,
    "must be superuser to create a job for another role",
  );
  const name = freshName();
  const id = await schedule(name);
  await assertRejects(
    () => sql`select cron.alter_job(${id}, username => 'authenticator')`.execute(),
    Error,
    "must be superuser to alter username",
  );
  await unschedule(name);
});

databaseTest("role postgres changes jobs with the functions only", async () => {
  const { sql } = database;
  for (
    const statement of [
      "insert into cron.job (schedule, command) values ('* * * * *', 'x')",
      "update cron.job set active = false",
      "delete from cron.job",
    ]
  ) {
    await assertRejects(() => sql.unsafe(statement), Error, "permission denied for table job");
  }
});
