/**
 * The `ReconcileStore` port over the database functions of supabase/migrations, one round trip for each method.
 *
 * @module
 */
import type { ReconcileStore } from "../core/reconcile/ports.ts";
import { type DatabaseClient, databaseFunctions } from "./functions.ts";
import {
  idsSchema,
  reconcileFinishedSchema,
  reconcileSavedSchema,
  startReconcileSchema,
} from "./schemas.ts";

/** @param client With the secret key: the functions are for the service role alone. */
export function createReconcileStore(client: DatabaseClient): ReconcileStore {
  const { ask } = databaseFunctions(client);
  return {
    startReconcile: (runId, holdSeconds) =>
      ask(
        "acontext_start_reconcile",
        { p_run_id: runId, p_hold_seconds: holdSeconds },
        startReconcileSchema,
      ),

    findUnknownSessions: (items) =>
      ask("acontext_find_unknown_sessions", { p_items: items }, idsSchema),

    findUnknownDisks: (items) => ask("acontext_find_unknown_disks", { p_items: items }, idsSchema),

    findUnknownLabels: (items) =>
      ask("acontext_find_unknown_labels", { p_items: items }, idsSchema),

    listUncertain: (after, limit) =>
      ask("acontext_list_uncertain_sessions", { p_after: after, p_limit: limit }, idsSchema),

    saveProgress: (
      { runId, position, sessions, disks, checked, skipped, finished, seen, unknown },
    ) =>
      ask("acontext_save_reconcile_progress", {
        p_run_id: runId,
        p_phase: position.phase,
        p_sessions: sessions,
        p_disks: disks,
        p_checked: checked,
        p_finished: finished,
        p_seen: seen,
        p_unknown: unknown,
        p_skipped: skipped,
        ...(position.cursor !== null && { p_cursor: position.cursor }),
      }, reconcileSavedSchema),

    finishReconcile: (runId, result) =>
      ask(
        "acontext_finish_reconcile",
        { p_run_id: runId, p_result: result },
        reconcileFinishedSchema,
      ),
  };
}
