/**
 * The `Store` port over the database functions of supabase/migrations, one round trip for each method.
 *
 * @module
 */
import type { SupabaseClient } from "@supabase/supabase-js";
import type { Lease, Store } from "./core/ports.ts";
import type { Database } from "./database.types.ts";
import { databaseFunctions } from "./database_functions.ts";
import {
  activateSchema,
  beginSchema,
  deletionRequestSchema,
  deletionsSchema,
  finishedSchema,
  previewSchema,
  queuedDueSchema,
  restoreSchema,
  settledSchema,
  startRunSchema,
} from "./store_schemas.ts";

/**
 * @param client With the secret key: the functions are for the service role alone.
 * @throws {AppError} From each method: `database_unavailable` when the database cannot be asked, refuses, or answers another shape.
 */
export function createStore(client: SupabaseClient<Database>): Store {
  const { call, ask } = databaseFunctions(client);

  const leaseArgs = ({ leaseId, leaseSeconds }: Lease) => ({
    p_lease_id: leaseId,
    p_lease_seconds: leaseSeconds,
  });

  return {
    beginSession: (session, lease) =>
      ask("acontext_begin_session", {
        p_user_id: session.userId,
        p_session_id: session.sessionId,
        p_metadata: session.metadata,
        p_pinned: session.pinned,
        ...(session.title !== null && { p_title: session.title }),
        ...(session.ttl !== null && { p_ttl_seconds: session.ttl }),
        ...leaseArgs(lease),
      }, beginSchema),

    activateSession: (input) =>
      ask("acontext_activate_session", {
        p_session_id: input.sessionId,
        p_lease_id: input.leaseId,
        p_acontext_session_id: input.acontextSessionId,
        p_acontext_disk_id: input.acontextDiskId,
        p_surplus_session_ids: input.surplusSessionIds,
        p_surplus_disk_ids: input.surplusDiskIds,
        p_uncertain: input.uncertain,
      }, activateSchema),

    async releaseSession({ sessionId, leaseId, acontextSessionIds, acontextDiskIds }) {
      await call("acontext_release_session", {
        p_session_id: sessionId,
        p_lease_id: leaseId,
        p_acontext_session_ids: acontextSessionIds,
        p_acontext_disk_ids: acontextDiskIds,
      });
    },

    requestDeletion: ({ userId, sessionId }, lease) =>
      ask("acontext_request_session_deletion", {
        p_user_id: userId,
        p_session_id: sessionId,
        ...leaseArgs(lease),
      }, deletionRequestSchema),

    restoreSession: ({ userId, sessionId }) =>
      ask(
        "acontext_restore_session",
        { p_user_id: userId, p_session_id: sessionId },
        restoreSchema,
      ),

    startRun: ({ runId, force }) =>
      ask("acontext_start_sweep", { p_run_id: runId, p_force: force }, startRunSchema),

    previewSweep: ({ limit, force }) =>
      ask("acontext_preview_sweep", { p_limit: limit, p_force: force }, previewSchema),

    queueDue: ({ runId, limit }) =>
      ask("acontext_queue_due_sessions", { p_run_id: runId, p_limit: limit }, queuedDueSchema),

    claimDeletions: ({ limit }, lease) =>
      ask("acontext_claim_deletions", { p_limit: limit, ...leaseArgs(lease) }, deletionsSchema),

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
