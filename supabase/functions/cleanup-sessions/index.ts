/** Deletes what is due, or looks for remote resources that no session knows. Called by pg_cron and by operators. */
import { failedSweep, sweep } from "../_acontext_sessions/core/cleanup/sweep.ts";
import { failedReconcile, reconcile } from "../_acontext_sessions/core/reconcile/reconcile.ts";
import { runOrSecretKey } from "../_acontext_sessions/http/auth.ts";
import { serve } from "../_acontext_sessions/http/serve.ts";
import { runInBackground, shutdownSignal } from "../_acontext_sessions/runtime/background.ts";
import { wire } from "../_acontext_sessions/wiring.ts";
import { routes, type Task } from "./routes.ts";

const name = "cleanup-sessions";
const { log, deps, env } = wire(name);
const bounds = () => ({ timeBudgetMs: env().cleanupTimeBudgetMs, signal: shutdownSignal });

const sweepTask: Task = {
  run: (request) => sweep({ ...deps(), store: deps().cleanupStore }, { ...request, ...bounds() }),
  recordFailure: (runId, error) => deps().cleanupStore.finishRun(runId, failedSweep(runId, error)),
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
    auth: runOrSecretKey,
    routes: routes({
      tasks: { sweep: sweepTask, reconcile: reconcileTask },
      takeRun: (call) => deps().calledRuns.take(call),
      background: runInBackground,
      log,
    }),
    log,
  }),
};
