import type { ErrorCode, ErrorDetail } from "./wire.ts";

/** Codes of the functions (docs/errors.md), and of what happens on the way to them. */
export type SessionsErrorCode =
  | ErrorCode
  /** No answer came: offline, DNS, CORS, a broken connection. */
  | "network_error"
  /** An answer that is not one of ours, as from a proxy; `status` tells more. */
  | "unexpected_answer";

interface ErrorFields {
  code: SessionsErrorCode;
  message: string;
  /** 0 when no answer came. */
  status: number;
  requestId?: string | null;
  retryAfter?: number | null;
  details?: ErrorDetail[] | null;
  hint?: string | null;
  cause?: unknown;
}

/**
 * Whatever a call of the client throws, except for an abort, which throws the signal's reason.
 *
 * @example
 * ```ts
 * try {
 *   await chat.sessions.get(id);
 * } catch (error) {
 *   if (!(error instanceof SessionsError)) throw error;
 *   if (error.code === "session_not_found") forget(id);
 * }
 * ```
 */
export class SessionsError extends Error {
  override readonly name = "SessionsError";
  /** Stable: write programs against it. */
  readonly code: SessionsErrorCode;
  /** HTTP status; 0 when no answer came. */
  readonly status: number;
  /** Finds the request in the functions' logs; null when the answer had none. */
  readonly requestId: string | null;
  /** Seconds after which the same call may succeed; null when waiting alone will not help. */
  readonly retryAfter: number | null;
  /** The fields that are wrong. */
  readonly details: ErrorDetail[] | null;
  /** What to do, for people. */
  readonly hint: string | null;
  /**
   * Of a message that may or may not be stored: pass it to `messages.store` with the same message, and it is stored
   * once. Null for every other call.
   */
  idempotencyKey: string | null = null;

  constructor({ message, cause, ...fields }: ErrorFields) {
    super(message, { cause });
    this.code = fields.code;
    this.status = fields.status;
    this.requestId = fields.requestId ?? null;
    this.retryAfter = fields.retryAfter ?? null;
    this.details = fields.details ?? null;
    this.hint = fields.hint ?? null;
  }
}

/** For a request that is refused before it is sent. */
export function invalid(path: string, message: string): SessionsError {
  return new SessionsError({
    code: "invalid_request",
    message: `Cannot send the request: ${path} ${message}`,
    status: 400,
    details: [{ path, message }],
  });
}
