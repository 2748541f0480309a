/**
 * Answers in the one shape that every function uses, errors included.
 *
 * @module
 */
import { AppError } from "../core/errors.ts";

/** What a handler gives back: a body to send as JSON, or a text or a stream with its own headers. */
export type Answer =
  | { status: number; body: unknown }
  | { status: number; text: string; headers: Record<string, string> }
  | { status: number; stream: ReadableStream<Uint8Array>; headers: Record<string, string> };

const REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/;

/** The caller's request id when it is safe to repeat, else a new one. */
export function requestIdOf(request: Request): string {
  const given = request.headers.get("x-request-id") ?? "";
  return REQUEST_ID.test(given) ? given : crypto.randomUUID();
}

/**
 * Headers of every answer. Any origin may call: what protects a session is the token, which no browser adds by itself.
 */
function baseHeaders(requestId: string): Headers {
  return new Headers({
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "x-request-id, retry-after, content-disposition, x-file-type",
    "cache-control": "no-store",
    "x-request-id": requestId,
  });
}

export function preflight(requestId: string, methods: string[]): Response {
  const headers = baseHeaders(requestId);
  headers.set("access-control-allow-methods", [...methods, "OPTIONS"].join(", "));
  headers.set(
    "access-control-allow-headers",
    "authorization, x-client-info, apikey, content-type, x-request-id, idempotency-key",
  );
  headers.set("access-control-max-age", "86400");
  return new Response(null, { status: 204, headers });
}

export function toResponse(answer: Answer, requestId: string): Response {
  const { status } = answer;
  const headers = baseHeaders(requestId);
  if ("body" in answer) return Response.json(answer.body, { status, headers });
  for (const [name, value] of Object.entries(answer.headers)) headers.set(name, value);
  return new Response("text" in answer ? answer.text : answer.stream, { status, headers });
}

export function toErrorResponse(error: AppError, requestId: string): Response {
  const headers = baseHeaders(requestId);
  if (error.retryAfterSeconds !== null) {
    headers.set("retry-after", String(error.retryAfterSeconds));
  }
  const body = {
    code: error.code,
    message: error.message,
    ...(error.details === null ? {} : { details: error.details }),
    ...(error.hint === null ? {} : { hint: error.hint }),
    // So that a screenshot of the answer is enough to find its log line.
    ...(error.status === 500 ? { requestId } : {}),
  };
  return Response.json(body, { status: error.status, headers });
}
