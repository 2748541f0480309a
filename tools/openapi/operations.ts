/**
 * Every route of every function: what it takes, what it answers and which errors it has. openapi.json is made of this,
 * and the tests hold the functions to it.
 *
 * @module
 */

import type { z } from "zod";
import * as answers from "../../supabase/functions/_acontext_sessions/contract/answers.ts";
import { cleanupBody } from "../../supabase/functions/_acontext_sessions/contract/cleanup.ts";
import { createSessionBody } from "../../supabase/functions/_acontext_sessions/contract/sessions.ts";
import {
  fileQuery,
  linkFileQuery,
  listFilesQuery,
  uploadFields,
} from "../../supabase/functions/_acontext_sessions/contract/files.ts";
import {
  loadMessagesQuery,
  storeMessageBody,
} from "../../supabase/functions/_acontext_sessions/contract/messages.ts";
import {
  healthQuery,
  healthReport,
  healthStatus,
} from "../../supabase/functions/_acontext_sessions/contract/health.ts";
import type { ErrorCode } from "../../supabase/functions/_acontext_sessions/core/errors.ts";

/** A JSON body, or "binary" for a file's content. */
export type AnswerSchema = z.ZodType | "binary";

export interface Operation {
  method: "GET" | "POST" | "DELETE";
  /** Below `/functions/v1`. */
  path: string;
  id: string;
  summary: string;
  /** `anybody`: the holder of a secret key is told more. */
  auth: "user" | "runOrSecretKey" | "anybody";
  query?: z.ZodObject;
  body?: z.ZodType;
  /** Multipart: its text fields, and whether other parts are files. */
  form?: { fields: z.ZodObject; files: "file" | "any" } | { payload: z.ZodType };
  idempotencyKey?: boolean;
  /** `text`: on request the answer is plain text. */
  answers: Record<number, { description: string; schema: AnswerSchema; text?: true }>;
  errors: ErrorCode[];
}

const USER = ["unauthorized", "forbidden"] as const;
const DATABASE = ["database_unavailable", "database_refused"] as const;
/** Of what no user does whose account is deleted or banned. */
const ACCOUNT = ["user_deleted", "user_banned"] as const;
const BODY = [
  "invalid_request",
  "invalid_json",
  "request_timeout",
  "body_too_large",
  "unsupported_media_type",
] as const;
/** Of every request that uses a session. */
const USE = [
  ...USER,
  ...ACCOUNT,
  "invalid_id",
  "session_not_found",
  "session_not_ready",
  "session_deleting",
  "session_expired",
  ...DATABASE,
  "acontext_unavailable",
  "acontext_rejected",
  "acontext_inconsistent",
] as const;
const FILE = [...USE, "invalid_request"] as const;

export const OPERATIONS: Operation[] = [
  {
    method: "POST",
    path: "/create-session",
    id: "createSession",
    summary: "Make a session, or answer the own one with this id",
    auth: "user",
    body: createSessionBody,
    answers: {
      200: { description: "The own session that already has the id", schema: answers.session },
      201: { description: "A new session", schema: answers.session },
    },
    errors: [
      ...USER,
      ...ACCOUNT,
      ...BODY,
      "invalid_id",
      "session_not_found",
      "session_deleting",
      "session_deleted",
      "session_busy",
      "id_taken",
      "quota_exceeded",
      "rate_limited",
      "acontext_rejected",
      "acontext_unavailable",
      ...DATABASE,
    ],
  },
  ...(["DELETE", "POST"] as const).map((method): Operation => ({
    method,
    path: "/delete-session/{id}",
    id: method === "DELETE" ? "deleteSession" : "deleteSessionByPost",
    summary: "Delete a session with its messages and files",
    auth: "user",
    answers: {
      200: { description: "Proven gone", schema: answers.deleteAnswer },
      202: {
        description: "Gone for the user; the cleanup does the rest",
        schema: answers.deleteAnswer,
      },
    },
    errors: [...USER, "invalid_id", "session_not_found", "rate_limited", ...DATABASE],
  })),
  {
    method: "POST",
    path: "/delete-session/{id}/restore",
    id: "restoreSession",
    summary: "Take a deletion back, within the grace period",
    auth: "user",
    answers: { 200: { description: "The session", schema: answers.session } },
    errors: [
      ...USER,
      ...ACCOUNT,
      "invalid_id",
      "session_not_found",
      "not_restorable",
      "quota_exceeded",
      ...DATABASE,
    ],
  },
  {
    method: "POST",
    path: "/cleanup-sessions",
    id: "cleanupSessions",
    summary: "Delete what is due, or look for what no session knows",
    auth: "runOrSecretKey",
    body: cleanupBody,
    answers: {
      200: {
        description: "The report",
        schema: answers.sweepReport.or(answers.reconcileReport),
      },
      202: { description: "Works in the background", schema: answers.acceptedAnswer },
    },
    errors: ["unauthorized", "forbidden", ...BODY, "invalid_id", ...DATABASE],
  },
  {
    method: "GET",
    path: "/session-health",
    id: "sessionHealth",
    summary: "Does the cleanup work, and if not, what is to be done?",
    auth: "anybody",
    query: healthQuery,
    answers: {
      200: {
        description: "The status; with a secret key everything. As text for Prometheus on request",
        schema: healthReport.or(healthStatus),
        text: true,
      },
    },
    errors: ["unauthorized", "invalid_request", ...DATABASE],
  },
  {
    method: "POST",
    path: "/session-messages/{id}",
    id: "storeMessage",
    summary: "Store a message at the end of the conversation",
    auth: "user",
    body: storeMessageBody,
    form: { payload: storeMessageBody },
    idempotencyKey: true,
    answers: {
      200: {
        description: "Stored by an earlier request with the same Idempotency-Key",
        schema: answers.storedMessage,
      },
      201: { description: "Stored", schema: answers.storedMessage },
    },
    errors: [
      ...USE.filter((code) => code !== "acontext_rejected"),
      ...BODY,
      "invalid_multipart",
      "session_full",
      "rate_limited",
      "idempotency_busy",
      "idempotency_mismatch",
      "message_not_kept",
      "message_rejected",
      "message_uncertain",
    ],
  },
  {
    method: "GET",
    path: "/session-messages/{id}",
    id: "loadMessages",
    summary: "Load the conversation, a page of it, or its newest messages",
    auth: "user",
    query: loadMessagesQuery,
    answers: { 200: { description: "Oldest message first", schema: answers.messagePage } },
    errors: [...USE, "invalid_request", "history_too_large", "messages_incomplete"],
  },
  {
    method: "GET",
    path: "/session-messages/{id}/token-counts",
    id: "countTokens",
    summary: "Count the tokens of the conversation",
    auth: "user",
    answers: { 200: { description: "The count", schema: answers.tokenCount } },
    errors: [...USE],
  },
  {
    method: "GET",
    path: "/session-files/{id}",
    id: "listFiles",
    summary: "List what is directly in a directory",
    auth: "user",
    query: listFilesQuery,
    answers: { 200: { description: "Files and directories", schema: answers.directory } },
    errors: [...FILE, "directory_too_large"],
  },
  {
    method: "GET",
    path: "/session-files/{id}/url",
    id: "linkFile",
    summary: "Make a link that works without a key for a while",
    auth: "user",
    query: linkFileQuery,
    answers: { 200: { description: "The link", schema: answers.fileLink } },
    errors: [...FILE, "file_not_found", "directory_too_large"],
  },
  {
    method: "GET",
    path: "/session-files/{id}/content",
    id: "downloadFile",
    summary: "Download a file",
    auth: "user",
    query: fileQuery,
    answers: { 200: { description: "The content, under its own type", schema: "binary" } },
    errors: [...FILE, "file_not_found", "file_content_lost", "directory_too_large"],
  },
  {
    method: "POST",
    path: "/session-files/{id}",
    id: "uploadFile",
    summary: "Store a file, or replace the one in its place",
    auth: "user",
    form: { fields: uploadFields, files: "file" },
    answers: {
      200: { description: "Replaced another", schema: answers.fileView },
      201: { description: "A new file", schema: answers.fileView },
    },
    errors: [
      ...FILE,
      "rate_limited",
      "invalid_multipart",
      "request_timeout",
      "body_too_large",
      "unsupported_media_type",
      "file_unstorable",
    ],
  },
  {
    method: "DELETE",
    path: "/session-files/{id}",
    id: "deleteFile",
    summary: "Delete a file",
    auth: "user",
    query: fileQuery,
    answers: { 200: { description: "It is no longer there", schema: answers.fileDeletion } },
    errors: [...FILE, "rate_limited", "directory_too_large"],
  },
];
