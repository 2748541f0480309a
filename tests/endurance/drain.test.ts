import { assert, assertEquals } from "@std/assert/mod.js";
import { createInBulk } from "../integration/support/bulk.ts";
import { eventually } from "../support/eventually.ts";
import { assertNothingLeft } from "../integration/support/remote.ts";
import { integrationTest, type World } from "../integration/support/world.ts";

const SESSIONS = Number(Deno.env.get("DRAIN_SESSIONS") ?? "20000");
const DEADLINE_MS = 60_000 + SESSIONS * 10;
const BUDGET_SECONDS = 100;

interface RunTime {
  trigger: string;
  stop_reason: string;
  deleted: number;
  failed: number;
  seconds: number;
}

async function runTimes({ database: { sql } }: World): Promise<RunTime[]> {
  const rows = await sql<RunTime[]>`
    select trigger::text, stop_reason, deleted, failed,
      extract(epoch from finished_at - started_at)::float8 as seconds
    from acontext_sessions.runs where status = 'finished' order by requested_at, id`;
  return [...rows];
}

integrationTest(`${SESSIONS} expired sessions drain by schedule alone`, async (world) => {
  const { database, remote } = world;
  await createInBulk(world, { count: SESSIONS, daysAgo: 31 });
  const began = performance.now();
  // All sessions there are expire at once: with its default the expiry limit would rightly hold them back.
  await database.configure({
    max_per_run: 2_000,
    max_workers: 4,
    max_expiry_fraction: 1,
    cleanup_schedule: "5 seconds",
    retry_schedule: "5 seconds",
  });
  await eventually("nothing is left", async () => {
    const [row] = await database.sql<{ left: number }[]>`
      select (select count(*) from public.session_mappings)
        + (select count(*) from acontext_sessions.runs where status <> 'finished') as left`;
    return Number(row?.left) === 0;
  }, DEADLINE_MS);
  await database.silenceJobs();
  const seconds = (performance.now() - began) / 1000;

  const runs = await runTimes(world);
  console.log(`${SESSIONS} sessions in ${seconds.toFixed(1)} s, ${runs.length} runs:`);
  console.table(runs);
  assertEquals(runs.reduce((sum, { deleted }) => sum + deleted, 0), SESSIONS);
  assertEquals(runs.filter(({ failed }) => failed > 0), []);
  for (const { trigger, deleted, seconds } of runs) {
    assert(trigger !== "manual");
    assert(deleted <= 2_000, `${deleted} in one run`);
    assert(seconds < BUDGET_SECONDS, `a run took ${seconds} s`);
  }
  assertNothingLeft(await remote.audit());
});
