/** The server's envelope: `{code, data?, msg, error?}`. HTTP status and `code` may differ. @module */

const JSON_TYPE = { "content-type": "application/json; charset=utf-8" };

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
  return new Response(JSON.stringify(body), { status, headers: JSON_TYPE });
}

export function failure({ status, code = status, msg, error }: Failure): Response {
  const body = error === undefined ? { code, msg } : { code, msg, error };
  return new Response(JSON.stringify(body), { status, headers: JSON_TYPE });
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
  return new Response("404 page not found", {
    status: 404,
    headers: { "content-type": "text/plain" },
  });
}
