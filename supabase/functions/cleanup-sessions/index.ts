/** Deletes what is due, or looks for what nobody knows. What pg_cron calls, and an operator may. */
import { runInBackground, shutdownSignal } from "../_shared/background.ts";
import { failedReconcile, reconcile } from "../_shared/core/reconcile.ts";
import { failedSweep, sweep } from "../_shared/core/sweep.ts";
import { secretKey } from "../_shared/http/auth.ts";
import { serve } from "../_shared/http/serve.ts";
import { wire } from "../_shared/wiring.ts";
import { routes, type Task } from "./routes.ts";

const name = "cleanup-sessions";
const { log, deps, env } = wire(name);
const bounds = () => ({ timeBudgetMs: env().cleanupTimeBudgetMs, signal: shutdownSignal });

const sweepTask: Task = {
  run: (request) => sweep(deps(), { ...request, ...bounds() }),
  recordFailure: (runId, error) => deps().store.finishRun(runId, failedSweep(runId, error)),
};

const reconcileTask: Task = {
  run: (request) =>
    reconcile({ ...deps(), store: deps().reconcileStore }, { ...request, ...bounds() }),
  recordFailure: (runId, error) =>
    deps().reconcileStore.finishReconcile(runId, failedReconcile(runId, error)),
};

export default {
  fetch: serve({
    name,
    auth: secretKey,
    routes: routes({
      tasks: { sweep: sweepTask, reconcile: reconcileTask },
      background: runInBackground,
      log,
    }),
    log,
  }),
};
