/**
 * The `MessageStore` port over the database functions of supabase/migrations, one round trip for each method.
 *
 * @module
 */
import * as z from "zod";
import type { MessageStore } from "../core/messages/ports.ts";
import { type DatabaseClient, databaseFunctions } from "./functions.ts";
import { rateLimitedSchema } from "./schemas.ts";

const ids = { acontextSessionId: z.string(), acontextDiskId: z.string() };
const unusableSchema = z.object({
  outcome: z.enum(["not_found", "provisioning", "deleting", "expired", "unknown_user", "banned"]),
});

const fullSchema = z.object({ outcome: z.literal("full"), limit: z.number() });

const useSchema = z.discriminatedUnion("outcome", [
  z.object({
    outcome: z.literal("ok"),
    ...ids,
    storedMessages: z.number().nullable(),
  }),
  unusableSchema,
]);

const beginFileWriteSchema = z.discriminatedUnion("outcome", [useSchema, rateLimitedSchema]);

const beginMessageSchema = z.discriminatedUnion("outcome", [
  z.object({
    outcome: z.enum(["started", "resumed"]),
    mark: z.string(),
    storedMessages: z.number().nullable(),
    ...ids,
  }),
  z.object({
    outcome: z.literal("stored"),
    message: z.object({ id: z.string(), createdAt: z.string() }),
  }),
  z.object({ outcome: z.literal("busy"), retryAfterMs: z.number() }),
  z.object({ outcome: z.literal("mismatch") }),
  fullSchema,
  rateLimitedSchema,
  unusableSchema,
]);

const settledSchema = z.object({ active: z.boolean() });

/** @throws {AppError} From each method: `database_unavailable`, or `database_refused` when repeating it is of no use. */
export function createMessageStore(client: DatabaseClient): MessageStore {
  const { call, ask } = databaseFunctions(client);
  return {
    useSession: ({ userId, sessionId }, { touch, writes }) =>
      ask("acontext_use_session", {
        p_user_id: userId,
        p_session_id: sessionId,
        p_touch: touch,
        p_writes: writes,
      }, useSchema),

    beginFileWrite: ({ userId, sessionId }) =>
      ask("acontext_begin_file_write", {
        p_user_id: userId,
        p_session_id: sessionId,
      }, beginFileWriteSchema),

    async noteWrite(sessionId) {
      await call("acontext_note_write", { p_session_id: sessionId });
    },

    beginMessage: ({ userId, sessionId }, { keyHash, bodyHash }, lease) =>
      ask("acontext_begin_message", {
        p_user_id: userId,
        p_session_id: sessionId,
        p_lease_id: lease.leaseId,
        p_lease_seconds: lease.leaseSeconds,
        p_key_hash: keyHash,
        p_body_hash: bodyHash,
      }, beginMessageSchema),

    settleMessage: ({ sessionId, result, claim, message }) =>
      ask("acontext_settle_message", {
        p_session_id: sessionId,
        p_result: result,
        p_lease_id: claim.leaseId,
        p_key_hash: claim.keyHash,
        ...(message !== null && {
          p_message_id: message.id,
          p_message_created_at: message.createdAt,
        }),
      }, settledSchema),
  };
}
