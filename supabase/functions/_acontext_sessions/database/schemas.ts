/**
 * What the database functions answer, as schemas. The shapes are made in supabase/migrations.
 *
 * @module
 */
import * as z from "zod";
import type { JsonObject } from "../core/ports.ts";
import { SESSION_STATUSES } from "../core/sessions/ports.ts";

const count = z.number().int().nonnegative();

/**
 * Not copied, and not looked through: a copy lacks a member called `__proto__`, and rows from before the table had the
 * limits of contract/json_limits.ts may be nested deeper than a schema can follow.
 */
const metadata = z.custom<JsonObject>((value) =>
  typeof value === "object" && value !== null && !Array.isArray(value)
);

const sessionSchema = z.object({
  id: z.string(),
  status: z.enum(SESSION_STATUSES),
  title: z.string().nullable(),
  metadata,
  pinned: z.boolean(),
  ttl: z.number().nullable(),
  messageCount: count,
  acontextSessionId: z.string().nullable(),
  acontextDiskId: z.string().nullable(),
  createdAt: z.string(),
  updatedAt: z.string(),
  lastActivityAt: z.string(),
  expiresAt: z.string().nullable(),
});

const deletionSchema = z.object({
  id: z.string(),
  originId: z.string(),
  acontextSessionId: z.string().nullable(),
  acontextDiskId: z.string().nullable(),
  sessionGone: z.boolean(),
  diskGone: z.boolean(),
  messages: count.nullable(),
  sessionInDoubt: z.boolean(),
  diskInDoubt: z.boolean(),
});

const refusedUserSchema = z.object({ outcome: z.enum(["unknown_user", "banned"]) });

const quotaExceededSchema = z.object({
  outcome: z.literal("quota_exceeded"),
  limit: count,
  setting: z.string(),
  counted: z.enum(["sessions", "deleting"]),
});

export const rateLimitedSchema = z.object({
  outcome: z.literal("rate_limited"),
  retryAfterMs: count,
});

export const beginSchema = z.discriminatedUnion("outcome", [
  z.object({
    outcome: z.enum(["started", "resumed"]),
    session: sessionSchema,
    disableTaskTracking: z.boolean(),
  }),
  z.object({ outcome: z.literal("existing"), session: sessionSchema }),
  z.object({ outcome: z.literal("busy"), retryAfterMs: z.number() }),
  z.object({ outcome: z.literal("deleting") }),
  z.object({ outcome: z.literal("deleted") }),
  z.object({ outcome: z.literal("not_found") }),
  refusedUserSchema,
  quotaExceededSchema,
  rateLimitedSchema,
]);

export const activateSchema = z.discriminatedUnion("outcome", [
  z.object({ outcome: z.literal("active"), session: sessionSchema }),
  z.object({ outcome: z.literal("deleting") }),
  z.object({ outcome: z.literal("lease_lost") }),
  z.object({ outcome: z.literal("taken") }),
]);

export const deletionRequestSchema = z.discriminatedUnion("outcome", [
  z.object({ outcome: z.literal("claimed"), deletion: deletionSchema }),
  z.object({ outcome: z.literal("queued") }),
  z.object({ outcome: z.literal("not_found") }),
  rateLimitedSchema,
]);

export const restoreSchema = z.discriminatedUnion("outcome", [
  z.object({ outcome: z.literal("restored"), session: sessionSchema }),
  z.object({ outcome: z.literal("not_found") }),
  z.object({ outcome: z.literal("not_deleting") }),
  z.object({ outcome: z.literal("too_late") }),
  refusedUserSchema,
  quotaExceededSchema,
]);

export const startRunSchema = z.discriminatedUnion("outcome", [
  z.object({
    outcome: z.literal("started"),
    settings: z.object({
      maxPerRun: z.number().int().positive(),
      concurrency: z.number().int().positive(),
      msPerMessage: z.number().nonnegative().nullable(),
      usualProbeMs: count.nullable(),
    }),
  }),
  z.object({ outcome: z.literal("duplicate") }),
  z.object({ outcome: z.literal("disabled") }),
  z.object({ outcome: z.literal("busy") }),
]);

export const previewSchema = z.object({
  queued: count,
  expiring: count,
  heldBack: count,
  stale: count,
  tooManyExpiring: z.boolean(),
});

export const queuedDueSchema = z.object({
  expired: count,
  stale: count,
  /** Absent when there are none. */
  erased: count.default(0),
  tooManyExpiring: z.boolean(),
  more: z.boolean(),
  /** Absent when there are none. */
  problems: z.array(z.string()).default([]),
});

export const deletionsSchema = z.array(deletionSchema);
export const maybeDeletionSchema = deletionSchema.nullable();

export const settledSchema = z.object({
  deleted: count,
  failed: count,
  released: count,
  lost: count,
  /** Absent when there are none. */
  kept: z.array(z.object({ id: z.string(), error: z.string() })).default([]),
});

export const finishedSchema = z.object({ remaining: count, dispatched: count });

export const idsSchema = z.array(z.string());

export const startReconcileSchema = z.discriminatedUnion("outcome", [
  z.object({
    outcome: z.literal("started"),
    phase: z.enum(["sessions", "labels", "uncertain"]),
    cursor: z.string().nullable(),
    seen: count,
    unknown: count,
  }),
  z.object({ outcome: z.literal("duplicate") }),
  z.object({ outcome: z.literal("disabled") }),
  z.object({ outcome: z.literal("busy") }),
]);

export const reconcileSavedSchema = z.object({ outcome: z.enum(["saved", "lost"]), queued: count });

export const reconcileFinishedSchema = z.object({ dispatched: count });
