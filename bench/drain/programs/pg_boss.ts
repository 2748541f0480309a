/**
 * pg-boss in batches, fetched without a pause as long as they are full: one worker fetches while the other works
 * (https://timgit.github.io/pg-boss, "Workers").
 *
 * @module
 */

import { PgBoss } from "pg-boss";
import postgres from "postgres";
import { putBossJobs } from "../jobs.ts";
import { createDeleteBoth, type Job, jobSchema, readConfig, serveDrains } from "./program.ts";

const QUEUE = "delete-session";
const WORK = {
  batchSize: 128,
  localConcurrency: 2,
  pollingIntervalSeconds: 0.5,
  burstWhenBatchFull: true,
};

const config = readConfig();
const deleteBoth = createDeleteBoth(config);
const sql = postgres(config.databaseUrl, { max: 2, onnotice: () => {} });
const boss = new PgBoss({
  connectionString: config.databaseUrl,
  supervise: false,
  schedule: false,
});
boss.on("error", (error) => console.error(error.message));
await boss.start();
await boss.createQueue(QUEUE);

/** As many at a time as the others, over both workers. */
function createTurns(): (job: Job) => Promise<void> {
  let idle = config.concurrency;
  const waiting: (() => void)[] = [];
  return async function deleteInTurn(job) {
    if (idle === 0) await new Promise<void>((resolve) => waiting.push(resolve));
    else idle -= 1;
    await deleteBoth(job);
    const next = waiting.shift();
    if (next === undefined) idle += 1;
    else next();
  };
}

await serveDrains(({ count, jobsAlone }) => ({
  async work() {
    // A worker that finds nothing sleeps for half a second, so the jobs come first.
    if (!jobsAlone) await putBossJobs(sql);
    const deleteInTurn = createTurns();
    const done = Promise.withResolvers<void>();
    let left = count;
    await boss.work(QUEUE, WORK, async (batch) => {
      const jobs = batch.map(({ data }) => jobSchema.parse(data));
      await Promise.all(jobs.map(deleteInTurn));
      if (!jobsAlone) {
        const rowIds = jobs.map(({ rowId }) => rowId);
        await sql`delete from public.bench_sessions where id = any (${rowIds}::uuid[])`;
      }
      left -= jobs.length;
      if (left === 0) done.resolve();
    });
    await done.promise;
  },
  // Waits until the last batch is reported.
  end: () => boss.offWork(QUEUE, { wait: true }),
}));
