/** The server's envelope: `{code, data?, msg, error?}`. HTTP status and `code` may differ. @module */

export const JSON_TYPE = "application/json; charset=utf-8";
/** Go's `net/http` counts answers up to about this many bytes, and sends larger ones in chunks. */
const COUNTED_BYTES = 2048;

interface Failure {
  status: number;
  /** Defaults to the status. */
  code?: number;
  msg: string;
  error?: string | undefined;
}

export function ok(data?: unknown): Response {
  return success(200, data);
}

export function created(data: unknown): Response {
  return success(201, data);
}

function success(status: number, data: unknown): Response {
  const body = data === undefined ? { code: 0, msg: "" } : { code: 0, data, msg: "" };
  return text(JSON.stringify(body), { status, type: JSON_TYPE });
}

export function failure({ status, code = status, msg, error }: Failure): Response {
  const body = error === undefined ? { code, msg } : { code, msg, error };
  return text(JSON.stringify(body), { status, type: JSON_TYPE });
}

/** The server refuses the input. */
export function badRequest(error: string, msg = "parameter error"): Response {
  return failure({ status: 400, msg, error });
}

/** The server's database, or its storage, said no. Some handlers answer this with HTTP 400. */
export function databaseError(error: string, status = 500): Response {
  return failure({ status, code: 500, msg: "database error", error });
}

export function unauthorized(): Response {
  return failure({ status: 401, msg: "Unauthorized" });
}

/** What an unknown route gets: not an envelope. */
export function pageNotFound(): Response {
  return text("404 page not found", { status: 404, type: "text/plain" });
}

/** An answer of one piece. */
export function text(body: string, { status, type }: { status: number; type: string }): Response {
  const bytes = new TextEncoder().encode(body);
  const headers = new Headers({ "content-type": type });
  if (bytes.length <= COUNTED_BYTES) headers.set("content-length", String(bytes.length));
  return new Response(bytes, { status, headers });
}
