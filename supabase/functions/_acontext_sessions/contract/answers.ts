/**
 * What the functions answer. The functions build their answers from types and do not check them again; these schemas
 * are for the other side: openapi.json, the client, and the tests that compare every answer with them.
 *
 * @module
 */
import * as z from "zod";
import { STOP_REASONS } from "../core/cleanup/ports.ts";
import type { SweepReport } from "../core/cleanup/sweep.ts";
import { type ErrorDetail, ERRORS } from "../core/errors.ts";
import type { FileView } from "../core/files/ports.ts";
import { OMISSION_REASONS } from "../core/messages/formats/content.ts";
import type { LoadedMessages } from "../core/messages/load_messages.ts";
import type { LoadedMessage, StoredMessage } from "../core/messages/ports.ts";
import type { Json, JsonObject } from "../core/ports.ts";
import { RECONCILE_STOP_REASONS } from "../core/reconcile/ports.ts";
import type { ReconcileReport } from "../core/reconcile/reconcile.ts";
import { SESSION_STATUSES, type SessionView } from "../core/sessions/ports.ts";

const time = z.iso.datetime({ offset: true });
const count = z.int().min(0);
const json = z.custom<Json>().meta({ description: "Any JSON" });
const jsonObject = z.custom<JsonObject>(
  (value) => typeof value === "object" && value !== null && !Array.isArray(value),
).meta({ type: "object" });

export const session = z.strictObject({
  id: z.uuid(),
  status: z.enum(SESSION_STATUSES),
  title: z.string().nullable(),
  metadata: jsonObject,
  pinned: z.boolean(),
  ttl: z.int().nullable().meta({
    description: "Own lifetime in seconds after the last activity; null: the project's",
  }),
  messageCount: count,
  acontextSessionId: z.uuid().nullable(),
  acontextDiskId: z.uuid().nullable(),
  createdAt: time,
  updatedAt: time,
  lastActivityAt: time,
  expiresAt: time.nullable().meta({ description: "Null when pinned" }),
}) satisfies z.ZodType<SessionView>;

/** 200 with the first, 202 with the second. */
export const deleteAnswer = z.union([
  z.strictObject({ deleted: z.literal(true) }),
  z.strictObject({ deleted: z.literal(false), status: z.literal("deleting") }),
]);
export type DeleteAnswer = z.output<typeof deleteAnswer>;

const runErrors = z.array(z.strictObject({ id: z.uuid(), error: z.string() }));

export const sweepReport = z.strictObject({
  runId: z.uuid(),
  total: count,
  deleted: count,
  failed: count,
  deferred: count,
  remaining: count,
  heldBack: count.optional().meta({
    description: "In a dry run: expired, and held back by the limit on mass expiry",
  }),
  errors: runErrors,
  stopReason: z.enum(STOP_REASONS),
}) satisfies z.ZodType<SweepReport>;

export const reconcileReport = z.strictObject({
  runId: z.uuid(),
  seen: count,
  unknown: count,
  queued: count,
  labelsRemoved: count,
  skipped: count.meta({ description: "Items that could not be read" }),
  stopReason: z.enum(RECONCILE_STOP_REASONS),
  errors: runErrors,
  found: z.array(z.strictObject({
    kind: z.enum(["session", "disk"]),
    id: z.string(),
    originId: z.string(),
    createdAt: z.string(),
  })),
}) satisfies z.ZodType<ReconcileReport>;

/** 202, when asked to work in the background. */
export const acceptedAnswer = z.strictObject({ runId: z.uuid(), status: z.literal("accepted") });
export type AcceptedAnswer = z.output<typeof acceptedAnswer>;

export const storedMessage = z.strictObject({
  id: z.uuid(),
  createdAt: time,
}) satisfies z.ZodType<StoredMessage>;

const loadedMessage = z.strictObject({
  id: z.uuid().meta({
    description: "The same in each, when the format needs several messages for a stored one",
  }),
  meta: jsonObject,
  message: json,
  attachments: z.array(z.strictObject({
    type: z.string().meta({ description: 'Of the part: "image", "audio", "video" or "file"' }),
    filename: z.string(),
    contentType: z.string(),
    size: count.meta({ description: "Bytes" }),
    sha256: z.string().meta({ description: "A key of publicUrls" }),
  })).optional().meta({ description: "Files that were sent with it; absent when there are none" }),
}) satisfies z.ZodType<LoadedMessage>;

export const messagePage = z.strictObject({
  messages: z.array(loadedMessage),
  nextCursor: z.string().nullable(),
  hasMore: z.boolean(),
  tokens: count.nullable().meta({
    description: "Null where Acontext did not count exactly these messages",
  }),
  publicUrls: z.record(z.string(), z.strictObject({ url: z.string(), expiresAt: z.string() })).meta(
    { description: "Links to attachments, by the SHA-256 of their content" },
  ),
  omitted: z.array(z.strictObject({
    messageId: z.string(),
    path: z.string().meta({
      description: "In the message as it was stored; empty: the whole message",
    }),
    reason: z.enum(OMISSION_REASONS).meta({
      description: "no_equivalent: the format has no place for it; provider_bound: only the " +
        "provider that made it can read it; mentioned: a text names the file instead",
    }),
  })).optional().meta({
    description: "What the format cannot say of these messages; absent when that is nothing",
  }),
  editedAtMessageId: z.string().optional().meta({
    description: "Up to where strategies have edited, when a pin was asked for",
  }),
  incomplete: z.literal(true).optional().meta({
    description: "When Acontext cannot read all messages and the request allowed that",
  }),
}) satisfies z.ZodType<LoadedMessages>;

export const tokenCount = z.strictObject({ totalTokens: count });

export const fileView = z.strictObject({
  path: z.string(),
  filename: z.string(),
  size: count.meta({ description: "Bytes" }),
  contentType: z.string(),
  createdAt: time,
  updatedAt: time,
}) satisfies z.ZodType<FileView>;

export const directory = z.strictObject({
  path: z.string(),
  files: z.array(fileView),
  directories: z.array(z.string()).meta({ description: "Names, without slashes" }),
});

export const fileLink = z.strictObject({
  url: z.string(),
  expiresIn: count.meta({ description: "Seconds" }),
});

export const fileDeletion = z.strictObject({
  deleted: z.boolean().meta({ description: "False when there was none" }),
});

export const errorCode = z.enum(Object.keys(ERRORS));

export const errorDetail = z.strictObject({
  path: z.string(),
  message: z.string(),
}) satisfies z.ZodType<ErrorDetail>;

export const errorBody = z.strictObject({
  code: errorCode,
  message: z.string(),
  details: z.array(errorDetail).optional().meta({ description: "The fields that are wrong" }),
  hint: z.string().optional(),
  requestId: z.string().optional().meta({ description: "With status 500" }),
});
