/** Calls of the Edge Functions. @module */
import type { SupabaseClient } from "@supabase/supabase-js";
import { SessionsError } from "./error.ts";
import { type CallOptions, type RetryOptions, withRetries } from "./retry.ts";
import type { ErrorBody } from "./wire.ts";

/** What every part of the client works with. */
export interface Context {
  supabase: SupabaseClient;
  retry: RetryOptions;
}

export interface FunctionCall extends CallOptions {
  method: "GET" | "POST" | "DELETE";
  /** Parameters without a value are left out. */
  query?: Record<string, string | number | boolean | undefined>;
  headers?: Record<string, string>;
  body?: Record<string, unknown> | FormData;
  /** False for what must not be sent twice. */
  repeatable?: boolean;
}

/** The body of the answer and its headers. `path` begins with the function's name. */
export async function invoke<T>(
  { supabase, retry }: Context,
  path: string,
  { query = {}, signal, repeatable = true, ...request }: FunctionCall,
): Promise<{ data: T; headers: Headers }> {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) search.set(name, String(value));
  }
  const target = search.size === 0 ? path : `${path}?${search}`;
  return await withRetries(async () => {
    const { data, error, response } = await supabase.functions.invoke<T>(target, {
      ...request,
      ...(signal === undefined ? {} : { signal }),
    });
    if (error === null && data !== null && response !== undefined) {
      return { data, headers: response.headers };
    }
    throw response === undefined
      ? new SessionsError({
        code: "network_error",
        message: "Cannot reach the project: no answer came",
        status: 0,
        cause: error,
      })
      : await readError(response);
  }, { ...retry, ...(repeatable ? {} : { retries: 0 }), signal });
}

async function readError(response: Response): Promise<SessionsError> {
  const { status, headers } = response;
  const body: Partial<ErrorBody> = await response.json().catch(() => null) ?? {};
  const requestId = headers.get("x-request-id");
  const retryAfter = secondsOf(headers.get("retry-after"));
  // Our functions always send an id. What comes without is the platform's, with codes of its own.
  if (requestId === null || typeof body.code !== "string") {
    const said = [body.code, body.message].filter((text) => typeof text === "string").join(", ");
    return new SessionsError({
      code: status === 401 ? "unauthorized" : "unexpected_answer",
      message: `Cannot use the answer: the platform said ${said || status}`,
      status,
      retryAfter,
    });
  }
  const { code, message = code, details = null, hint = null } = body;
  return new SessionsError({ code, message, status, requestId, retryAfter, details, hint });
}

/** `Retry-After`: seconds, or a date as proxies may send it. */
function secondsOf(retryAfter: string | null): number | null {
  if (retryAfter === null) return null;
  const seconds = /^\d+$/.test(retryAfter)
    ? Number(retryAfter)
    : (Date.parse(retryAfter) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, Math.ceil(seconds)) : null;
}
