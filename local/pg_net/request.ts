/**
 * A request of pg_net's queue and what becomes of it: an answer, or an error in libcurl's words.
 *
 * @module
 */

import { exchange, ExchangeError, headerOf, type Progress, type Reply } from "./http1.ts";

/** The version that the stand-in imitates. */
export const PG_NET_VERSION = "0.20.4";

/** A row of `net.http_request_queue`. */
export interface QueuedRequest {
  id: string;
  method: string;
  url: string;
  headers: Record<string, unknown> | null;
  body: Uint8Array<ArrayBuffer> | null;
  timeout_milliseconds: number;
}

/** A row of `net._http_response`, but for the time. */
export interface Answer {
  id: string;
  status_code: number | null;
  content_type: string | null;
  headers: Record<string, string> | null;
  content: string | null;
  timed_out: boolean;
  error_msg: string | null;
}

const MAX_REDIRECTS = 30;

function failed(id: string, error_msg: string, timed_out = false): Answer {
  return {
    ...{ id, status_code: null, content_type: null, headers: null, content: null },
    ...{ timed_out, error_msg },
  };
}

function succeeded(id: string, { status, headers, body }: Reply): Answer {
  // A C string ends at the first null character.
  const content = new TextDecoder().decode(body).split("\0")[0] ?? "";
  return {
    id,
    status_code: status,
    content_type: headerOf(headers, "content-type"),
    headers: Object.fromEntries(headers),
    content: content === "" ? null : content,
    timed_out: false,
    error_msg: null,
  };
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** What `net.http_get()` and its like let through may still be none, and not all that is queued went through them. */
function parseUrl(text: string, base?: URL): URL {
  const url = URL.parse(text, base);
  if (url === null) throw new Error("URL using bad/illegal format or missing URL");
  return url;
}

/** Sends it, and again to wherever the answers point. All headers go along, `Authorization` to the same server only. */
async function follow(
  request: QueuedRequest,
  options: { signal: AbortSignal; progress: Progress },
): Promise<Reply> {
  let headers: [string, string][] = Object.entries(request.headers ?? {})
    .filter(([, value]) => value !== null)
    .map(([name, value]) => [name, textOf(value)]);
  headers.push(["User-Agent", `pg_net/${PG_NET_VERSION}`]);
  let method = request.method.toUpperCase();
  let body = request.body ?? (method === "POST" ? new Uint8Array(0) : null);
  let url = parseUrl(request.url);

  for (let count = 0; count <= MAX_REDIRECTS; count++) {
    if (!["http:", "https:"].includes(url.protocol)) {
      throw new ExchangeError("Unsupported protocol");
    }
    const reply = await exchange({ method, url, headers, body }, options);
    const location = headerOf(reply.headers, "location");
    if (reply.status < 300 || reply.status > 399 || location === null) return reply;
    const target = parseUrl(location, url);
    if (target.origin !== url.origin) {
      headers = headers.filter(([name]) =>
        !["authorization", "cookie"].includes(name.toLowerCase())
      );
    }
    if (method === "POST" && [301, 302, 303].includes(reply.status)) {
      method = "GET";
      body = null;
    }
    url = target;
  }
  throw new Error("Number of redirects hit maximum amount");
}

function timeoutMessage(limit: number, began: number, progress: Progress): string {
  const now = performance.now();
  const handshake = (progress.connected ?? now) - began;
  const http = progress.connected === undefined ? 0 : now - progress.connected;
  const ms = (value: number) => `${value.toFixed(6)} ms`;
  return `Timeout of ${limit} ms reached. Total time: ${ms(now - began)} (DNS time: ${ms(0)}, ` +
    `TCP/SSL handshake time: ${ms(handshake)}, HTTP Request/Response time: ${ms(http)})`;
}

/**
 * Sends a request. A limit of 0 or less is none.
 *
 * @throws when `stopping` is aborted: then nothing is known.
 */
export async function send(request: QueuedRequest, stopping: AbortSignal): Promise<Answer> {
  const { id, timeout_milliseconds: limit } = request;
  const began = performance.now();
  const progress: Progress = {};
  const late = new AbortController();
  const signal = AbortSignal.any([late.signal, stopping]);
  const given = Promise.withResolvers<never>();
  signal.addEventListener("abort", () => given.reject(new Error("given up")), { once: true });
  const timer = limit > 0 ? setTimeout(() => late.abort(), limit) : undefined;
  try {
    return succeeded(
      id,
      await Promise.race([follow(request, { signal, progress }), given.promise]),
    );
  } catch (error) {
    stopping.throwIfAborted();
    if (late.signal.aborted) return failed(id, timeoutMessage(limit, began, progress), true);
    return failed(id, error instanceof Error ? error.message : String(error));
  } finally {
    clearTimeout(timer);
  }
}
