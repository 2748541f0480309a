import { type AcceptedAnswer, cleanupBody } from "../_shared/contract.ts";
import type { Log, RunResult } from "../_shared/core/ports.ts";
import type { SweepReport } from "../_shared/core/sweep.ts";
import { AppError } from "../_shared/errors.ts";
import type { Routes } from "../_shared/http/serve.ts";
import { describeError } from "../_shared/log.ts";

export interface SweepRequest {
  runId: string;
  dryRun: boolean;
  force: boolean;
  limit: number | null;
}

const NOTHING = { total: 0, deleted: 0, failed: 0, deferred: 0 };

/** What the routes call. */
export interface Actions {
  sweep(request: SweepRequest): Promise<SweepReport>;
  finish(runId: string, result: RunResult): Promise<unknown>;
  /** Lets work go on after the answer. */
  background(work: Promise<void>): void;
  log: Log;
}

/** 200 with the report; with `background` 202 at once, and the outcome is in the run's row. */
export function routes({ sweep, finish, background, log }: Actions): Routes<null> {
  async function sweepOrFail(request: SweepRequest): Promise<SweepReport> {
    try {
      return await sweep(request);
    } catch (error) {
      const { runId } = request;
      const code = error instanceof AppError ? error.code : "internal";
      log.error("sweep_failed", { runId, code, ...describeError(error) });
      if (!request.dryRun) await recordFailure(runId, code);
      throw error;
    }
  }

  /** Otherwise the run would seem to work for ever. What it had counted is in the queue and the log anyway. */
  async function recordFailure(runId: string, error: string): Promise<void> {
    try {
      await finish(runId, { ...NOTHING, stopReason: "error", errors: [{ id: runId, error }] });
    } catch (failure) {
      log.error("finish_run_failed", { runId, ...describeError(failure) });
    }
  }

  return {
    async "POST /"({ body }) {
      const { background: detached, runId = crypto.randomUUID(), ...rest } = await body(
        cleanupBody,
      );
      const work = sweepOrFail({ runId, ...rest });
      if (!detached) return { status: 200, body: await work };
      // Logged and recorded above; nobody is left to answer.
      background(work.then(() => {}, () => {}));
      return { status: 202, body: { runId, status: "accepted" } satisfies AcceptedAnswer };
    },
  };
}
