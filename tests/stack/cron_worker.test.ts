import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert/mod.js";
import { delay } from "@std/async/delay.js";
import { parseSchedule } from "../../local/cron_schedule.ts";
import { eventually } from "../support/eventually.ts";
import { shareStack, stackTest } from "./fixture.ts";

const shared = shareStack();

async function runs(jobName: string) {
  return await shared.sql`
    select d.* from cron.job_run_details as d join cron.job as j using (jobid)
    where j.jobname = ${jobName} order by runid`;
}

function isDue(schedule: string, minute: string): boolean | undefined {
  const parsed = parseSchedule(schedule);
  return parsed?.kind === "minutes" ? parsed.isDue(new Date(minute)) : undefined;
}

Deno.test("parseSchedule() knows when a job is due", () => {
  assertEquals(isDue("0 0 * * *", "2026-01-01T00:00:00Z"), true);
  assertEquals(isDue("0 0 * * *", "2026-01-01T00:01:00Z"), false);
  assertEquals(isDue("*/5 * * * *", "2026-01-01T10:35:00Z"), true);
  assertEquals(isDue("*/5 * * * *", "2026-01-01T10:36:00Z"), false);
  // Day of month or day of week, when both are given.
  assertEquals(isDue("0 0 13 * 5", "2026-01-13T00:00:00Z"), true);
  assertEquals(isDue("0 0 13 * 5", "2026-01-02T00:00:00Z"), true);
  assertEquals(isDue("0 0 13 * 5", "2026-01-03T00:00:00Z"), false);
  assertEquals(isDue("0 0 $ * *", "2026-02-28T00:00:00Z"), true);
  assertEquals(isDue("0 0 $ * *", "2026-02-27T00:00:00Z"), false);
  assertEquals(parseSchedule("30 seconds"), { kind: "interval", seconds: 30 });
  assertEquals(parseSchedule("60 seconds"), null);
  assertEquals(parseSchedule("* * * *"), null);
  assertEquals(parseSchedule("* * * * * *"), null);
});

stackTest("cron runs a job as the role that scheduled it, with that role's settings", async () => {
  await shared.sql`create table public.ticks (who text, path text)`;
  await shared.sql`
    select cron.schedule('tick', '1 second',
      'insert into public.ticks select current_user || session_user, current_setting(''search_path'')')`;
  const [run] = await eventually("it ran", async () => {
    const found = await runs("tick");
    return found[0]?.["status"] === "succeeded" ? found : null;
  });
  assertEquals(run?.["username"], "postgres");
  assertEquals(run?.["database"], "postgres");
  assert(run?.["job_pid"] > 0);
  assert(run?.["end_time"] >= run?.["start_time"]);
  const [tick] = await shared.sql`select * from public.ticks limit 1`;
  assertEquals(tick, { who: "postgrespostgres", path: '"$user", public, extensions' });
  await shared.sql`select cron.unschedule('tick')`;
  const [before] = await shared.sql`select count(*)::int as n from public.ticks`;
  await delay(1_500);
  const [after] = await shared.sql`select count(*)::int as n from public.ticks`;
  assert(after?.["n"] - before?.["n"] <= 1);
});

stackTest("cron notes failures and goes on", async () => {
  await shared.sql`select cron.schedule('broken', '1 second', 'select 1 / 0')`;
  const found = await eventually("it failed twice", async () => {
    const all = await runs("broken");
    return all.filter((run) => run["status"] === "failed").length >= 2 ? all : null;
  });
  assertMatch(found[0]?.["return_message"], /division by zero/);
  await shared.sql`select cron.unschedule('broken')`;
});

stackTest("cron never overlaps a job with itself", async () => {
  await shared.sql`select cron.schedule('slow', '1 second', 'select pg_sleep(1.6)')`;
  await delay(4_500);
  const found = await runs("slow");
  await shared.sql`select cron.unschedule('slow')`;
  assert(found.length >= 2);
  for (const [index, run] of found.entries()) {
    const previous = found[index - 1];
    if (previous !== undefined) assert(run["start_time"] >= previous["end_time"]);
  }
});

stackTest("cron runs a job again whose schedule changed while it ran", async () => {
  await shared.sql`select cron.schedule('moved', '1 second', 'select pg_sleep(1)')`;
  await eventually("it runs", async () => (await runs("moved"))[0]?.["status"] === "running");
  await shared.sql`select cron.schedule('moved', '2 seconds', 'select 1')`;
  await eventually("it runs again", async () => {
    return (await runs("moved")).some(({ command }) => command === "select 1");
  });
  await shared.sql`select cron.unschedule('moved')`;
});

stackTest(
  "cron.schedule() replaces a job of the same name and leaves it inactive if it was",
  async () => {
    const [first] = await shared.sql`select cron.schedule('same', '0 0 * * *', 'select 1') as id`;
    await shared.sql`select cron.alter_job(${first?.["id"]}, active => false)`;
    const [second] = await shared.sql`select cron.schedule('same', '0 1 * * *', 'select 2') as id`;
    assertEquals(second, first);
    const [job] = await shared.sql`
    select schedule, command, active, username from cron.job where jobname = 'same'`;
    assertEquals(job, {
      schedule: "0 1 * * *",
      command: "select 2",
      active: false,
      username: "postgres",
    });
    await shared.sql`select cron.unschedule('same')`;
  },
);

stackTest("cron refuses what pg_cron refuses", async () => {
  for (const schedule of ["60 * * * *", "* * * *", "0 seconds", "* * 0 * *", "x * * * *", ""]) {
    await assertRejects(
      () => shared.sql`select cron.schedule('bad', ${schedule}, 'select 1')`.execute(),
      Error,
      "invalid schedule",
    );
  }
  for (const schedule of ["0 0 1 jan mon", "1-5,7,*/9 * * * *", "0 0 $ * *", "59 seconds"]) {
    await shared.sql`select cron.schedule('good', ${schedule}, 'select 1')`;
  }
  await shared.sql`select cron.unschedule('good')`;
  await assertRejects(
    () => shared.sql`select cron.unschedule('missing')`.execute(),
    Error,
    "could not find valid entry for job 'missing'",
  );
  await assertRejects(
    () => shared.sql`insert into cron.job (schedule, command) values ('* * * * *', 'x')`.execute(),
    Error,
    "permission denied for table job",
  );
});

stackTest("cron jobs survive a restart of the database", async () => {
  await shared.sql`select cron.schedule('again', '1 second', 'select 1')`;
  await eventually("it runs", async () => (await runs("again")).length > 0);
  await shared.stack.restartPostgres("fast");
  const before = (await runs("again")).length;
  await eventually("it runs on", async () => (await runs("again")).length > before + 1);
  await shared.sql`select cron.unschedule('again')`;
});
