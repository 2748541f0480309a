/**
 * The `Acontext` port over HTTP. Facts about the server's behaviour come from its open source (API 0.1.41) and from
 * running SDK 0.0.16; see docs/architecture.md.
 *
 * The SDK's own `sessions.create` and the like reject the answers of today's servers, so every call goes through its
 * `client.request`, which all versions have. Nothing is retried here.
 *
 * @module
 */
import { AcontextClient } from "@acontext/acontext";
import type { z } from "zod";
import {
  carriesMark,
  diskPageSchema,
  diskSchema,
  type Page,
  sessionMark,
  sessionPageSchema,
  sessionSchema,
} from "./acontext_schemas.ts";
import { badShape, dataOf, deletion, type Purpose } from "./acontext_outcomes.ts";
import { createTransport, type Fetch, Reply } from "./acontext_transport.ts";
import { isId } from "./contract.ts";
import type { Acontext, DiskListing, Outcome } from "./core/ports.ts";

const PAGE_SIZE = 200;
const MAX_PAGES = 500;

export interface AcontextOptions {
  apiKey: string;
  /** Without a trailing slash. */
  baseUrl: string;
  /** For one call, the whole answer included. */
  timeoutMs: number;
  namespace: string;
  fetch?: Fetch;
}

interface RequestOptions {
  params?: Record<string, string | number>;
  jsonData?: unknown;
}

/** The server would take a nil id for "no id" and any other text for a path, so neither is ever sent. */
const BAD_ID: Outcome<never> = { kind: "rejected", status: 400, detail: "bad_id" };

export function createAcontext(options: AcontextOptions): Acontext {
  const { namespace } = options;
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

  async function remove(collection: string, remoteId: string): Promise<Outcome<null>> {
    if (!isId(remoteId)) return BAD_ID;
    return deletion(await request("DELETE", `/${collection}/${remoteId}`));
  }

  /** Reads a list to its end. Anything short of that is not a list: "not found" would be a lie. */
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

  return {
    timeoutMs: options.timeoutMs,

    async probe() {
      // A list needs the database; `/ping` does not.
      const reply = await request("GET", "/session", { params: { limit: 1 } });
      const answer = parse(reply, sessionPageSchema, "read");
      return answer.kind === "done" ? { kind: "done", value: null } : answer;
    },

    async createSession(sessionId) {
      if (!isId(sessionId)) return BAD_ID;
      const reply = await request("POST", "/session", {
        jsonData: { use_uuid: sessionId, configs: sessionMark(namespace, sessionId) },
      });
      const answer = parse(reply, sessionSchema, "create");
      if (answer.kind !== "done") return answer;
      // 200 is an existing session, 201 one that this call made.
      const { id, configs } = answer.value;
      if (reply.httpStatus === 200 && !carriesMark(configs, namespace, sessionId)) {
        return { kind: "rejected", status: 409, detail: "foreign_session" };
      }
      return { kind: "done", value: { id } };
    },

    async createDisk(sessionId) {
      if (!isId(sessionId)) return BAD_ID;
      const reply = await request("POST", "/disk", {
        jsonData: { user: `${namespace}:${sessionId}` },
      });
      const answer = parse(reply, diskSchema, "create");
      if (answer.kind !== "done") return answer;
      const { id, user_id: owner } = answer.value;
      return { kind: "done", value: { id, labelled: typeof owner === "string" } };
    },

    deleteSession(remoteId) {
      return remove("session", remoteId);
    },

    deleteDisk(remoteId) {
      return remove("disk", remoteId);
    },

    async findSessions(sessionId) {
      if (!isId(sessionId)) return BAD_ID;
      const ids = new Set<string>();
      const mark = sessionMark(namespace, sessionId);
      // A server that does not know the filter lists every session, so each is checked and all pages are read.
      const end = await walk("/session", {
        filter: { filter_by_configs: JSON.stringify(mark) },
        schema: sessionPageSchema,
        visit({ id, configs }) {
          if (carriesMark(configs, namespace, sessionId)) ids.add(id);
        },
      });
      return end.kind === "done" ? { kind: "done", value: { ids: [...ids] } } : end;
    },

    async findDisks(sessionId): Promise<Outcome<DiskListing>> {
      if (!isId(sessionId)) return BAD_ID;
      const ids = new Set<string>();
      const owners = new Set<string | null>();
      const end = await walk("/disk", {
        filter: { user: `${namespace}:${sessionId}` },
        schema: diskPageSchema,
        visit({ id, user_id: owner }) {
          ids.add(id);
          owners.add(owner ?? null);
        },
      });
      if (end.kind !== "done") return end;
      // A list by label has one owner. Without an owner, or with several, the label was ignored.
      const filtered = owners.size <= 1 && !owners.has(null);
      return { kind: "done", value: { filtered, ids: [...ids] } };
    },
  };
}

function parse<Value>(reply: Reply, schema: z.ZodType<Value>, purpose: Purpose): Outcome<Value> {
  const answer = dataOf(reply, purpose);
  if (answer.kind !== "done") return answer;
  const parsed = schema.safeParse(answer.value);
  return parsed.success ? { kind: "done", value: parsed.data } : badShape(purpose);
}
