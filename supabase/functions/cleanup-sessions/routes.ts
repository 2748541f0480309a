import type { AcceptedAnswer } from "../_acontext_sessions/contract/answers.ts";
import { type CleanupBody, cleanupBody } from "../_acontext_sessions/contract/cleanup.ts";
import { AppError, describeError } from "../_acontext_sessions/core/errors.ts";
import type { CalledRuns } from "../_acontext_sessions/core/cleanup/ports.ts";
import type { Log } from "../_acontext_sessions/core/ports.ts";
import { refusedRun, type RunCaller } from "../_acontext_sessions/http/auth.ts";
import type { Routes } from "../_acontext_sessions/http/serve.ts";

export type TaskRequest = Omit<CleanupBody, "task" | "background" | "runId"> & { runId: string };

/** One of the things this function can be asked to do. */
export interface Task {
  /** Resolves to the report. */
  run(request: TaskRequest): Promise<unknown>;
  /** Ends the run of a task that threw, which the database would otherwise take for running. */
  recordFailure(runId: string, error: string): Promise<unknown>;
}

/** What the routes call. */
export interface Actions {
  tasks: Record<CleanupBody["task"], Task>;
  /** Lets a run be started by its id alone. */
  takeRun: CalledRuns["take"];
  /** Lets work go on after the answer. */
  background(work: Promise<void>): void;
  log: Log;
}

/** 200 with the report; with `background` 202 at once, and the outcome is in the run's row. */
export function routes({ tasks, takeRun, background, log }: Actions): Routes<RunCaller | null> {
  async function runOrFail(name: CleanupBody["task"], request: TaskRequest): Promise<unknown> {
    const task = tasks[name];
    try {
      return await task.run(request);
    } catch (error) {
      const { runId, dryRun } = request;
      const code = error instanceof AppError ? error.code : "internal";
      log.error("run_failed", { task: name, runId, code, ...describeError(error) });
      if (!dryRun) await recordFailure(task, { runId, code });
      throw error;
    }
  }

  async function recordFailure(
    task: Task,
    { runId, code }: { runId: string; code: string },
  ): Promise<void> {
    try {
      await task.recordFailure(runId, code);
    } catch (failure) {
      log.error("finish_run_failed", { runId, ...describeError(failure) });
    }
  }

  /** The id of a run opens what the dispatcher has called it for, once, and nothing else. */
  async function admit(caller: RunCaller, request: CleanupBody): Promise<void> {
    const { runId, task, background: detached, dryRun, force, limit } = request;
    if (runId !== caller.runId || !detached || dryRun || force || limit !== null) {
      throw new AppError("forbidden", {
        message: "Cannot allow this: the id of a run starts that run in the background only",
      });
    }
    if (!await takeRun({ runId, task })) throw refusedRun();
  }

  return {
    async "POST /"({ caller, body }) {
      const request = await body(cleanupBody);
      if (caller !== null) await admit(caller, request);
      const { task, background: detached, runId = crypto.randomUUID(), ...rest } = request;
      const work = runOrFail(task, { runId, ...rest });
      if (!detached) return { status: 200, body: await work };
      // Logged and recorded above; nobody is left to answer.
      background(work.then(() => {}, () => {}));
      return { status: 202, body: { runId, status: "accepted" } satisfies AcceptedAnswer };
    },
  };
}
