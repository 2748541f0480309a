/**
 * graphile-worker with the settings of its page on performance, but for the number of jobs at a time
 * (https://worker.graphile.org/docs/performance).
 *
 * @module
 */

import { Logger, run, runMigrations } from "graphile-worker";
import postgres from "postgres";
import { putGraphileJobs } from "../jobs.ts";
import { createDeleteBoth, jobSchema, readConfig, serveDrains } from "./program.ts";

const config = readConfig();
const deleteBoth = createDeleteBoth(config);
const sql = postgres(config.databaseUrl, { max: 1, onnotice: () => {} });
const preset = {
  worker: {
    connectionString: config.databaseUrl,
    concurrentJobs: config.concurrency,
    maxPoolSize: config.concurrency + 1,
    localQueue: { size: 500 },
    completeJobBatchDelay: 0,
    failJobBatchDelay: 0,
    logger: new Logger(() => () => {}),
  },
};
await runMigrations({ preset });

await serveDrains(async ({ count, jobsAlone }) => {
  if (!jobsAlone) await putGraphileJobs(sql);
  let left = count;
  const done = Promise.withResolvers<void>();
  const runner = await run({
    preset,
    noHandleSignals: true,
    taskList: {
      async delete_session(payload, { query }) {
        const job = jobSchema.parse(payload);
        await deleteBoth(job);
        if (!jobsAlone) await query("delete from public.bench_sessions where id = $1", [job.rowId]);
        left -= 1;
        if (left === 0) done.resolve();
      },
    },
  });
  await done.promise;
  // Waits until the last jobs are reported.
  await runner.stop();
});
