import { assertEquals, assertRejects } from "@std/assert/mod.js";
import postgres from "postgres";
import { databaseTest, shareDatabase } from "../platform/database.ts";
import { ACCEPTED_SCHEDULES, REFUSED_SCHEDULES } from "./schedules.ts";

const database = shareDatabase();

databaseTest("pg_cron takes these schedules", async () => {
  const name = `contract-${crypto.randomUUID()}`;
  try {
    for (const schedule of ACCEPTED_SCHEDULES) {
      const scheduled = database.sql`select cron.schedule(${name}, ${schedule}, 'select 1')`;
      await scheduled.catch((error) => {
        throw new Error(`"${schedule}" is refused`, { cause: error });
      });
    }
  } finally {
    await database.sql`select cron.unschedule(${name})`;
  }
});

databaseTest("pg_cron refuses these schedules", async () => {
  for (const schedule of REFUSED_SCHEDULES) {
    const error = await assertRejects(
      () => database.sql`select cron.schedule('contract-bad', ${schedule}, 'select 1')`.execute(),
      postgres.PostgresError,
      undefined,
      `"${schedule}" is taken`,
    );
    assertEquals(error.message, `invalid schedule: ${schedule}`);
    assertEquals(error.code, "22023");
    assertEquals(
      error.hint,
      "Use cron format (e.g. 5 4 * * *), or interval format '[1-59] seconds'",
    );
  }
  const left = await database.sql`select from cron.job where jobname = 'contract-bad'`;
  assertEquals(left.length, 0);
});
