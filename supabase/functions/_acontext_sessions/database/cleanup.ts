/**
 * The `CleanupStore` port over the database functions, one round trip for each method.
 *
 * @module
 */
import type { CleanupStore } from "../core/cleanup/ports.ts";
import { type DatabaseClient, databaseFunctions, leaseArgs } from "./functions.ts";
import {
  deletionsSchema,
  finishedSchema,
  maybeDeletionSchema,
  previewSchema,
  queuedDueSchema,
  settledSchema,
  startRunSchema,
} from "./schemas.ts";

/**
 * @param client With the secret key: the functions are for the service role alone.
 * @throws {AppError} From each method: `database_unavailable`, or `database_refused` when repeating it is of no use.
 */
export function createCleanupStore(client: DatabaseClient): CleanupStore {
  const { ask } = databaseFunctions(client);

  return {
    startRun: ({ runId, force }) =>
      ask("acontext_start_sweep", { p_run_id: runId, p_force: force }, startRunSchema),

    previewSweep: ({ limit, force }) =>
      ask("acontext_preview_sweep", { p_limit: limit, p_force: force }, previewSchema),

    queueDue: ({ runId, limit }) =>
      ask("acontext_queue_due_sessions", { p_run_id: runId, p_limit: limit }, queuedDueSchema),

    claimDeletions: ({ limit, maxMessages }, lease) =>
      ask("acontext_claim_deletions", {
        p_limit: limit,
        p_max_messages: maxMessages,
        ...leaseArgs(lease),
      }, deletionsSchema),

    claimLongDeletion: ({ over, fits, never }, lease) =>
      ask("acontext_claim_long_deletion", {
        p_over: over,
        p_fits: fits,
        p_never: never,
        ...leaseArgs(lease),
      }, maybeDeletionSchema),

    settleDeletions: (leaseId, settlements) =>
      ask(
        "acontext_settle_deletions",
        { p_lease_id: leaseId, p_settlements: settlements },
        settledSchema,
      ),

    finishRun: (runId, result) =>
      ask("acontext_finish_sweep", { p_run_id: runId, p_result: result }, finishedSchema),
  };
}
