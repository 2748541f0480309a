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
const BATCH = 128;

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

await serveDrains(async ({ count, jobsAlone }) => {
  if (!jobsAlone) await putBossJobs(sql);
  let left = count;
  let idle = config.concurrency;
  const waiting: (() => void)[] = [];
  const done = Promise.withResolvers<void>();

  /** As many at a time as the others, over both workers. */
  async function deleteInTurn(job: Job): Promise<void> {
    if (idle === 0) await new Promise<void>((resolve) => waiting.push(resolve));
    else idle -= 1;
    await deleteBoth(job);
    const next = waiting.shift();
    if (next === undefined) idle += 1;
    else next();
  }

  await boss.work(
    QUEUE,
    {
      batchSize: BATCH,
      localConcurrency: 2,
      pollingIntervalSeconds: 0.5,
      burstWhenBatchFull: true,
    },
    async (batch) => {
      const jobs = batch.map(({ data }) => jobSchema.parse(data));
      await Promise.all(jobs.map(deleteInTurn));
      if (!jobsAlone) {
        const rowIds = jobs.map(({ rowId }) => rowId);
        await sql`delete from public.bench_sessions where id = any (${rowIds}::uuid[])`;
      }
      left -= jobs.length;
      if (left === 0) done.resolve();
    },
  );
  await done.promise;
  // Waits until the last batch is reported.
  await boss.offWork(QUEUE, { wait: true });
});
