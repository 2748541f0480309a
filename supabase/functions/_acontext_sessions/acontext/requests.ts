/**
 * Requests to Acontext: one, or a list to its end. Facts about the server's behaviour come from its open source (API
 * 0.1.41) and from running SDK 0.0.16; see docs/architecture.md.
 *
 * The SDK's own `sessions.create` and the like reject the answers of today's servers, so every call goes through its
 * `client.request`, which all versions have. Nothing is retried here.
 *
 * @module
 */
import { AcontextClient } from "@acontext/acontext";
import type * as z from "zod";
import type { Outcome } from "../core/ports.ts";
import { PAGE_SIZE } from "../core/resources.ts";
import { badShape, dataOf, type Purpose } from "./outcomes.ts";
import type { Page } from "./schemas.ts";
import { createTransport, type Fetch, Reply } from "./transport.ts";

const MAX_PAGES = 500;

export interface AcontextOptions {
  apiKey: string;
  /** Without a trailing slash. */
  baseUrl: string;
  /** For one call, the whole answer included. */
  timeoutMs: number;
  namespace: string;
  fetch?: Fetch;
  /** A signal that is aborted after some milliseconds; `AbortSignal.timeout` when missing. */
  timeout?: (ms: number) => AbortSignal;
}

interface RequestOptions {
  params?: Record<string, string | number>;
  jsonData?: unknown;
}

/** A body and its `Content-Type`. */
export interface Payload {
  type: string;
  chunks: Uint8Array<ArrayBuffer>[];
}

export interface Requests {
  /** One request; whatever happens to it is in the reply. */
  request(method: string, path: string, init?: RequestOptions): Promise<Reply>;
  /** One request without a body, given up after `timeoutMs`, whatever the others' time is. */
  send(method: string, path: string, timeoutMs: number): Promise<Reply>;
  /** A POST that reaches the server at most once, within `timeoutMs`. */
  post(path: string, payload: Payload, timeoutMs: number): Promise<Reply>;
  /** Reads a list to its end. Anything short of that is not a list: "not found" would be a lie. */
  walk<Item>(
    path: string,
    options: {
      filter: Record<string, string>;
      schema: z.ZodType<Page<Item>>;
      visit: (item: Item) => void;
    },
  ): Promise<Outcome<null>>;
}

export function createRequests(options: AcontextOptions): Requests {
  const client = new AcontextClient({
    apiKey: options.apiKey,
    baseUrl: options.baseUrl,
    userAgent: "acontext-sessions",
    timeout: options.timeoutMs,
  });
  // The SDK looks this method up for each request and offers no other way to pass a `fetch`.
  const transport = createTransport(options.fetch ?? fetch);
  Object.defineProperty(client, "getFetch", { value: () => Promise.resolve(transport) });

  async function request(method: string, path: string, init?: RequestOptions): Promise<Reply> {
    try {
      const reply = await client.request(method, path, { ...init, unwrap: false });
      return reply instanceof Reply ? reply : new Reply(0, undefined, "broken", 0);
    } catch {
      return new Reply(0, undefined, "broken", 0);
    }
  }

  const timeout = options.timeout ?? ((ms: number) => AbortSignal.timeout(ms));
  const headers = {
    authorization: `Bearer ${options.apiKey}`,
    accept: "application/json",
    "user-agent": "acontext-sessions",
  };

  // Not through the SDK, which has one time for all its requests.
  function send(method: string, path: string, timeoutMs: number): Promise<Reply> {
    return transport(`${options.baseUrl}${path}`, {
      method,
      headers,
      signal: timeout(timeoutMs),
    });
  }

  // Not through the SDK, which copies files and leaves a form's body for the runtime to send again.
  function post(path: string, { type, chunks }: Payload, timeoutMs: number): Promise<Reply> {
    return transport(`${options.baseUrl}${path}`, {
      method: "POST",
      headers: { ...headers, "content-type": type },
      body: ReadableStream.from(chunks),
      signal: timeout(timeoutMs),
    });
  }

  async function walk<Item>(
    path: string,
    { filter, schema, visit }: {
      filter: Record<string, string>;
      schema: z.ZodType<Page<Item>>;
      visit: (item: Item) => void;
    },
  ): Promise<Outcome<null>> {
    const params: Record<string, string | number> = { ...filter, limit: PAGE_SIZE };
    const seen = new Set<string>();
    for (let page = 0; page < MAX_PAGES; page++) {
      const answer = parse(await request("GET", path, { params }), schema, "read");
      if (answer.kind !== "done") return answer;
      const { items, has_more: more, next_cursor: cursor } = answer.value;
      for (const item of items) visit(item);
      if (!more) return { kind: "done", value: null };
      if (!cursor) return badShape("read");
      if (seen.has(cursor)) return { kind: "unavailable", detail: "cursor_loop" };
      seen.add(cursor);
      params["cursor"] = cursor;
    }
    return { kind: "unavailable", detail: "list_too_long" };
  }

  return { request, send, post, walk };
}

/** The outcome of an answer that carries `data`. */
export function parse<Value>(
  reply: Reply,
  schema: z.ZodType<Value>,
  purpose: Purpose,
): Outcome<Value> {
  const answer = dataOf(reply, purpose);
  if (answer.kind !== "done") return answer;
  const parsed = schema.safeParse(answer.value);
  return parsed.success ? { kind: "done", value: parsed.data } : badShape(purpose);
}
