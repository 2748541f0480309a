/**
 * One HTTP exchange with Acontext: bounded in time and size, without redirects; it never throws.
 *
 * @module
 */

/** Lists of 200 sessions with large configs stay far below. */
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;
const DEFAULT_RETRY_MS = 1000;
const MAX_RETRY_MS = 60_000;

/**
 * Why there is no whole answer. `refused`: nothing was sent. `timeout`, `broken`: the request may have taken effect.
 * `too_large`: an answer came that we do not read.
 */
export type Failure = "refused" | "timeout" | "broken" | "too_large";

/**
 * What came back. It also passes for the `Response` that SDK 0.0.16 expects from `fetch`: a JSON answer with status 200
 * whose body is this object, so the SDK hands it through untouched. The SDK itself would lose the headers, the
 * difference between 200 and 201 and the reason for a failure.
 */
export class Reply {
  /** For the SDK only; the real status is {@link httpStatus}. */
  readonly status = 200;
  readonly headers = JSON_HEADERS;

  constructor(
    /** 0 when there is a {@link failure}. */
    readonly httpStatus: number,
    /** Parsed JSON; undefined when the answer is not JSON. */
    readonly content: unknown,
    readonly failure: Failure | null,
    readonly retryAfterMs: number,
  ) {}

  json(): this {
    return this;
  }
}

const JSON_HEADERS = { get: () => "application/json" };

/** The part of `fetch` that is used. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/**
 * Wraps `fetch` for the SDK. Its `signal` bounds the exchange to the last byte, since the answer is whole when given
 * back.
 */
export function createTransport(fetch: Fetch): (url: string, init: RequestInit) => Promise<Reply> {
  return async function exchange(url, init) {
    let response: Response | undefined;
    try {
      response = await fetch(url, { ...init, ...sentOnce(init.body), redirect: "manual" });
      const text = await readText(response);
      if (text === null) return new Reply(0, undefined, "too_large", 0);
      return new Reply(
        response.status,
        parseJson(response, text),
        null,
        response.status === 429 ? parseRetryAfter(response.headers.get("retry-after")) : 0,
      );
    } catch (error) {
      if (init.signal?.aborted) return new Reply(0, undefined, "timeout", 0);
      const refused = response === undefined && failedBeforeSending(error);
      return new Reply(0, undefined, refused ? "refused" : "broken", 0);
    }
  };
}

/**
 * A body that the runtime cannot send a second time. When a kept-alive connection breaks before the answer, Deno 2.9
 * silently repeats any request whose body it still has, a POST included: one call would make two disks.
 */
function sentOnce(body: RequestInit["body"]): RequestInit {
  return typeof body === "string" ? { body: new Blob([body]).stream() } : {};
}

/** Null when the answer is larger than we read. */
async function readText(response: Response): Promise<string | null> {
  if (response.body === null) return "";
  const length = plainLength(response.headers);
  if (length !== null) {
    if (length <= MAX_ANSWER_BYTES) return await response.text();
    await response.body.cancel();
    return null;
  }
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of response.body) {
    bytes += chunk.byteLength;
    if (bytes > MAX_ANSWER_BYTES) return null;
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** Null when the headers do not bind the number of bytes that come out. */
function plainLength(headers: Headers): number | null {
  const length = headers.get("content-length");
  const bound = length !== null && /^\d+$/.test(length) &&
    !headers.has("content-encoding") && !headers.has("transfer-encoding");
  return bound ? Number(length) : null;
}

function parseJson(response: Response, text: string): unknown {
  const type = response.headers.get("content-type") ?? "";
  if (!/^application\/json\s*(;|$)/i.test(type)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Milliseconds to wait by a `Retry-After` header: whole seconds or an HTTP date; one second when it says nothing. */
export function parseRetryAfter(header: string | null, now: number = Date.now()): number {
  if (header === null) return DEFAULT_RETRY_MS;
  const text = header.trim();
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  // A server that throttles and says "now" would be asked in a tight loop.
  return ms > 0 ? Math.min(ms, MAX_RETRY_MS) : DEFAULT_RETRY_MS;
}

/**
 * True when no byte of the request can have left. Deno says so only in its message: `client error (Connect)` covers
 * refused connections, unknown hosts and failed TLS handshakes; older runtimes say `error trying to connect`.
 */
function failedBeforeSending(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error.name === "NotCapable" || error.name === "PermissionDenied") return true;
  const reason = error.cause instanceof Error ? error.cause.message : "";
  return /client error \(Connect\)|error trying to connect/.test(`${error.message} ${reason}`);
}
