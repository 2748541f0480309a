/** Deletes what is due. What pg_cron calls, and an operator may. */
import { runInBackground, shutdownSignal } from "../_shared/background.ts";
import { sweep } from "../_shared/core/sweep.ts";
import { secretKey } from "../_shared/http/auth.ts";
import { serve } from "../_shared/http/serve.ts";
import { wire } from "../_shared/wiring.ts";
import { routes } from "./routes.ts";

const name = "cleanup-sessions";
const { log, deps, env } = wire(name);

export default {
  fetch: serve({
    name,
    auth: secretKey,
    routes: routes({
      sweep: (request) =>
        sweep(deps(), {
          ...request,
          timeBudgetMs: env().cleanupTimeBudgetMs,
          signal: shutdownSignal,
        }),
      finish: (runId, result) => deps().store.finishRun(runId, result),
      background: runInBackground,
      log,
    }),
    log,
  }),
};
