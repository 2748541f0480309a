/**
 * The `SessionStore` port over the database functions, one round trip for each method.
 *
 * @module
 */
import type { SessionStore } from "../core/sessions/ports.ts";
import { type DatabaseClient, databaseFunctions, leaseArgs } from "./functions.ts";
import {
  activateSchema,
  beginSchema,
  deletionRequestSchema,
  restoreSchema,
  settledSchema,
} from "./schemas.ts";

/**
 * @param client With the secret key: the functions are for the service role alone.
 * @throws {AppError} From each method: `database_unavailable`, or `database_refused` when repeating it is of no use.
 */
export function createSessionStore(client: DatabaseClient): SessionStore {
  const { call, ask } = databaseFunctions(client);

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

    requestDeletion: ({ userId, sessionId }, { maxMessages }, lease) =>
      ask("acontext_request_session_deletion", {
        p_user_id: userId,
        p_session_id: sessionId,
        p_max_messages: maxMessages,
        ...leaseArgs(lease),
      }, deletionRequestSchema),

    restoreSession: ({ userId, sessionId }) =>
      ask(
        "acontext_restore_session",
        { p_user_id: userId, p_session_id: sessionId },
        restoreSchema,
      ),

    settleDeletions: (leaseId, settlements) =>
      ask(
        "acontext_settle_deletions",
        { p_lease_id: leaseId, p_settlements: settlements },
        settledSchema,
      ),
  };
}
