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
  let left = count;
  const done = Promise.withResolvers<void>();
  const start = () =>
    run({
      preset,
      noHandleSignals: true,
      taskList: {
        async delete_session(payload, { query }) {
          const job = jobSchema.parse(payload);
          await deleteBoth(job);
          if (!jobsAlone) {
            await query("delete from public.bench_sessions where id = $1", [job.rowId]);
          }
          left -= 1;
          if (left === 0) done.resolve();
        },
      },
    });
  // A runner begins with what it finds, so where jobs are there already, its start is part of the work.
  let runner = jobsAlone ? null : await start();
  return {
    async work() {
      if (runner === null) runner = await start();
      else await putGraphileJobs(sql);
      await done.promise;
    },
    // Waits until the last jobs are reported.
    end: async () => await runner?.stop(),
  };
});
