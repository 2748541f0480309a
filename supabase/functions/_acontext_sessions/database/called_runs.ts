/**
 * The `CalledRuns` port over the database function of supabase/migrations.
 *
 * @module
 */
import * as z from "zod";
import type { CalledRuns } from "../core/cleanup/ports.ts";
import { type DatabaseClient, databaseFunctions } from "./functions.ts";

/** @param client With the secret key: the function is for the service role alone. */
export function createCalledRuns(client: DatabaseClient): CalledRuns {
  const { ask } = databaseFunctions(client);
  return {
    take: ({ runId, task }) =>
      ask("acontext_take_run", { p_run_id: runId, p_task: task }, z.boolean()),
  };
}
