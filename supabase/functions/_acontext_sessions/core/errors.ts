/**
 * Every error that a caller can receive: one table, one class. `docs/errors.md` mirrors the table and a test compares
 * them.
 *
 * @module
 */

interface ErrorKind {
  status: number;
  /** Used when the code that throws has nothing more specific to say: "Cannot X: reason", no final period. */
  message: string;
  hint?: string;
  /** Present when the same request may succeed later; sent as `Retry-After`. */
  retryAfterSeconds?: number;
}

export const ERRORS = {
  invalid_request: {
    status: 400,
    message: "Cannot read the request: a field is missing, unknown or invalid",
  },
  invalid_json: { status: 400, message: "Cannot read the body: it is not valid JSON in UTF-8" },
  invalid_id: {
    status: 400,
    message: "Cannot read the id: it is not a UUID, or it is the nil UUID",
  },
  unauthorized: {
    status: 401,
    message: "Cannot authenticate: the credential is missing, invalid or expired",
  },
  forbidden: { status: 403, message: "Cannot allow this: the credential does not permit it" },
  user_deleted: { status: 403, message: "Cannot allow this: the token's user is deleted" },
  user_banned: { status: 403, message: "Cannot allow this: the token's user is banned" },
  invalid_multipart: {
    status: 400,
    message: "Cannot read the body: it is not a complete multipart/form-data body",
  },
  not_found: { status: 404, message: "Cannot find the route: this function has no such path" },
  session_not_found: {
    status: 404,
    message: "Cannot find the session: it does not exist or is not yours",
  },
  method_not_allowed: {
    status: 405,
    message: "Cannot use this method: the path does not support it",
  },
  file_not_found: { status: 404, message: "Cannot find the file: the session has no such file" },
  session_deleting: {
    status: 409,
    message: "Cannot use the session: it is being deleted",
    hint: "Restore it within the grace period, or choose another id",
  },
  session_deleted: {
    status: 409,
    message: "Cannot use the id: its session was deleted",
    hint: "Choose another id",
  },
  session_busy: {
    status: 409,
    message: "Cannot create the session: another request is creating it",
    hint: "Send the same request again",
    retryAfterSeconds: 1,
  },
  session_not_ready: {
    status: 409,
    message: "Cannot use the session: it is still being created",
    hint: "Send the create-session request again with its id, then this one",
    retryAfterSeconds: 1,
  },
  session_expired: {
    status: 409,
    message: "Cannot use the session: it has expired and is about to be deleted",
    hint: "Create another session",
  },
  idempotency_busy: {
    status: 409,
    message:
      "Cannot store the message: an earlier request with this Idempotency-Key may still be running",
    hint: "Send the same request again with the same Idempotency-Key",
    retryAfterSeconds: 1,
  },
  id_taken: {
    status: 409,
    message: "Cannot create the session: Acontext already holds a session with this id",
    hint: "Choose another id",
  },
  quota_exceeded: {
    status: 409,
    message: "Cannot create the session: the limit of sessions per user is reached",
    hint: "Delete a session first",
  },
  session_full: {
    status: 409,
    message: "Cannot store the message: the session has as many messages as are allowed",
    hint: "Create another session",
  },
  not_restorable: {
    status: 409,
    message: "Cannot restore the session: it is not being deleted, or the grace period is over",
  },
  file_content_lost: {
    status: 410,
    message: "Cannot read the file: Acontext lists it, but no longer has its content",
    hint: "Upload it again",
  },
  request_timeout: {
    status: 408,
    message: "Cannot read the body: it did not come in time",
    hint: "Send the body without pauses, or over a faster connection",
  },
  body_too_large: { status: 413, message: "Cannot read the body: it is too large" },
  unsupported_media_type: {
    status: 415,
    message: 'Cannot read the body: its type is not "application/json"',
    hint: 'Send the header "Content-Type: application/json"',
  },
  file_unstorable: {
    status: 422,
    message: "Cannot store the file: Acontext does not keep a text file that has NUL bytes",
    hint: "Store the text in UTF-8, or the file under a name without the extension of a text",
  },
  directory_too_large: {
    status: 422,
    message: "Cannot list the directory: it has more files than fit into one answer",
    hint: "Use more directories; files that are there can be read by their names",
  },
  history_too_large: {
    status: 422,
    message: "Cannot load the messages: together they are too large for one answer",
    hint: 'Load pages with a smaller "limit", or with edit strategies',
  },
  idempotency_mismatch: {
    status: 422,
    message: "Cannot store the message: its Idempotency-Key was used for another message",
    hint: "Use a new key for each message",
  },
  message_not_kept: {
    status: 422,
    message: "Cannot store the message: something in it would not come back as it is",
    hint: "Leave out what details names, or write it in another way: a number as a string",
  },
  message_rejected: {
    status: 422,
    message: "Cannot store the message: Acontext does not accept it in this session",
  },
  rate_limited: {
    status: 429,
    message: "Cannot do this now: the user has done it too often within a minute",
    hint: "Send the same request again after the time that Retry-After says",
    retryAfterSeconds: 1,
  },
  database_refused: {
    status: 500,
    message: "Cannot answer: the database refused what the function asked for",
    hint: "Report the request id: sent again, the same request is refused again",
  },
  internal: { status: 500, message: "Cannot answer: something unexpected went wrong" },
  misconfigured: { status: 500, message: "Cannot answer: the function is not configured" },
  acontext_inconsistent: {
    status: 502,
    message: "Cannot use the session: Acontext no longer has what belongs to it",
    hint: "Delete the session: what is missing cannot be recovered",
  },
  acontext_rejected: { status: 502, message: "Cannot continue: Acontext rejected the request" },
  acontext_unavailable: {
    status: 503,
    message: "Cannot reach Acontext: it is unavailable or overloaded",
    hint: "Send the same request again; nothing is lost",
    retryAfterSeconds: 5,
  },
  auth_unavailable: {
    status: 503,
    message: "Cannot check the access token: the signing keys cannot be read",
    hint: "Send the same request again",
    retryAfterSeconds: 5,
  },
  messages_incomplete: {
    status: 503,
    message: "Cannot load the messages: Acontext cannot read all of them",
    hint: 'Send the same request again, or ask for what is left with "allowIncomplete=true"',
    retryAfterSeconds: 5,
  },
  message_uncertain: {
    status: 503,
    message: "Cannot tell whether the message was stored: Acontext did not answer",
    hint: "Send the same request again with the same Idempotency-Key",
  },
  database_unavailable: {
    status: 503,
    message: "Cannot reach the database: it is unavailable or overloaded",
    hint: "Send the same request again",
    retryAfterSeconds: 5,
  },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERRORS;

/** One field of a request that is wrong, or a setting that refuses it. Never carries the field's value. */
export interface ErrorDetail {
  path: string;
  message: string;
}

export interface AppErrorOptions {
  /** Replaces the table's message. */
  message?: string;
  details?: ErrorDetail[];
  /** Replaces the table's hint. */
  hint?: string;
  /** Replaces the table's waiting time; rounded up to whole seconds, and to one at least. */
  retryAfterSeconds?: number;
  /** For the log's error name only; never sent. */
  cause?: unknown;
}

/**
 * An error that a caller may see.
 *
 * @example
 * ```ts
 * throw new AppError("session_busy", { retryAfterSeconds: 2 });
 * ```
 */
export class AppError extends Error {
  override readonly name = "AppError";
  readonly code: ErrorCode;
  readonly status: number;
  readonly details: ErrorDetail[] | null;
  readonly hint: string | null;
  readonly retryAfterSeconds: number | null;

  constructor(code: ErrorCode, options: AppErrorOptions = {}) {
    const kind: ErrorKind = ERRORS[code];
    super(options.message ?? kind.message, { cause: options.cause });
    this.code = code;
    this.status = kind.status;
    this.details = options.details ?? null;
    this.hint = options.hint ?? kind.hint ?? null;
    const wait = options.retryAfterSeconds ?? kind.retryAfterSeconds ?? null;
    this.retryAfterSeconds = wait === null ? null : Math.max(1, Math.ceil(wait));
  }
}

/**
 * What may be logged of something thrown: its name, a code when it has one, and where it came from. Not its message,
 * which may quote the database or a request. Of an `AppError` with a cause, the cause is described.
 */
export function describeError(error: unknown): { error: string; errorCode?: string; at?: string } {
  if (error instanceof AppError && error.cause !== undefined) return describeError(error.cause);
  if (!(error instanceof Error)) return { error: typeof error };
  const code = "code" in error ? error.code : undefined;
  // The stack begins with the message, which may have lines that look like frames.
  const stack = error.stack ?? "";
  const end = stack.indexOf(error.message);
  const frames = end < 0
    ? []
    : stack.slice(end + error.message.length).split("\n").filter((line) => /^ +at /.test(line));
  return {
    error: error.name,
    ...(typeof code === "string" || typeof code === "number" ? { errorCode: String(code) } : {}),
    ...(frames.length > 0 ? { at: frames.slice(0, 4).map(shortenFrame).join(" < ") } : {}),
  };
}

/** `    at fn (file:///…/functions/_acontext_sessions/x.ts:1:2)` as `fn (_acontext_sessions/x.ts:1:2)`. */
function shortenFrame(line: string): string {
  return line.trim().slice(3).replace(/file:\S*\/functions\//, "");
}
