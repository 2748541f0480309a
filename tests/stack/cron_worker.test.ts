import { assert, assertEquals } from "@std/assert/mod.js";
import { delay } from "@std/async/delay.js";
import { eventually } from "../support/eventually.ts";
import { shareStack, stackTest } from "./fixture.ts";

// What pg_cron takes, refuses and notes is in tests/contract/pg_cron/.
const shared = shareStack();

async function runs(jobName: string) {
  return await shared.sql`
    select d.* from cron.job_run_details as d join cron.job as j using (jobid)
    where j.jobname = ${jobName} order by runid`;
}

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

stackTest("cron runs a job again whose schedule changed while it ran", async () => {
  await shared.sql`select cron.schedule('moved', '1 second', 'select pg_sleep(1)')`;
  await eventually("it runs", async () => (await runs("moved"))[0]?.["status"] === "running");
  await shared.sql`select cron.schedule('moved', '2 seconds', 'select 1')`;
  await eventually("it runs again", async () => {
    return (await runs("moved")).some(({ command }) => command === "select 1");
  });
  await shared.sql`select cron.unschedule('moved')`;
});

stackTest("cron jobs survive a restart of the database", async () => {
  await shared.sql`select cron.schedule('again', '1 second', 'select 1')`;
  await eventually("it runs", async () => (await runs("again")).length > 0);
  await shared.stack.restartPostgres("fast");
  const before = (await runs("again")).length;
  await eventually("it runs on", async () => (await runs("again")).length > before + 1);
  await shared.sql`select cron.unschedule('again')`;
});

stackTest("a job with @reboot runs when the database starts, and only then", async () => {
  await shared.sql`select cron.schedule('at-start', '@reboot', 'select 1')`;
  await shared.sql`select cron.schedule('often', '1 second', 'select 1')`;
  await eventually("others run", async () => (await runs("often")).length > 1);
  assertEquals((await runs("at-start")).length, 0);
  await shared.stack.restartPostgres("fast");
  await eventually("it runs", async () => (await runs("at-start")).length === 1);
  await shared.sql`select cron.unschedule('at-start'), cron.unschedule('often')`;
});
