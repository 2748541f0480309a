/**
 * Answers in the one shape that every function uses, errors included.
 *
 * @module
 */
import { AppError } from "../core/errors.ts";
import { answerHeaders, preflightHeaders } from "./cors.ts";

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

function baseHeaders(requestId: string): Headers {
  return new Headers({
    ...answerHeaders,
    "cache-control": "no-store",
    "x-request-id": requestId,
  });
}

/** The answer to `OPTIONS`. */
export function preflight(request: Request, methods: string[]): Response {
  const headers = baseHeaders(requestIdOf(request));
  const asked = request.headers.get("access-control-request-headers");
  for (const [name, value] of Object.entries(preflightHeaders({ methods, asked }))) {
    headers.set(name, value);
  }
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
