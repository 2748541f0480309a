/**
 * The `Messages` port: the messages of remote sessions.
 *
 * @module
 */
import * as z from "zod";
import { isId } from "../core/ids.ts";
import {
  type LoadedMessage,
  type Messages,
  type NewMessage,
  type StoredMessage,
} from "../core/messages/ports.ts";
import type { Json, JsonObject, RemoteOutcome } from "../core/ports.ts";
import { MARK, PAGE_SIZE } from "../core/resources.ts";
import { multipart, UPLOAD_TIMEOUT_FACTOR } from "./multipart.ts";
import { BAD_ID, badShape, DOUBTFUL } from "./outcomes.ts";
import { type AcontextOptions, createRequests, parse } from "./requests.ts";
import { isEnvelope } from "./schemas.ts";
import type { Reply } from "./transport.ts";

/** A session with more pages of messages than this is not searched to its end. */
const MAX_SEARCHED_PAGES = 2000;

const time = z.iso.datetime({ offset: true });
const storedSchema = z.object({ id: z.uuid(), created_at: time });
const json: z.ZodType<Json> = z.custom<Json>((value) => value !== undefined);
const metaSchema = z.custom<JsonObject>((value) => typeof value === "object" && value !== null)
  .nullish().transform((meta) => meta ?? {});
const pageSchema = z.object({
  items: z.array(json).nullish().transform((items) => items ?? []),
  ids: z.array(z.string()).nullish().transform((ids) => ids ?? []),
  metas: z.array(metaSchema).nullish(),
  next_cursor: z.string().nullish(),
  has_more: z.boolean(),
  this_time_tokens: z.int(),
  public_urls: z.record(z.string(), z.object({ url: z.string(), expire_at: z.string() })).nullish(),
});
const datedItemSchema = z.object({ created_at: time });
const tokensSchema = z.object({ total_tokens: z.int() });

type Page = z.infer<typeof pageSchema>;

export function createMessages(options: AcontextOptions): Messages {
  const { request, post } = createRequests(options);

  async function readPage(remoteId: string, params: Record<string, string | number>) {
    const reply = await request("GET", `/session/${remoteId}/messages`, { params });
    if (reply.failure === "too_large") return { kind: "too_large" } as const;
    if (isDoubtful(reply)) return DOUBTFUL;
    const page = parse(reply, pageSchema, "read");
    // A page that announces more without a cursor is malformed.
    if (page.kind !== "done") return page;
    return page.value.has_more && !page.value.next_cursor ? badShape("read") : page;
  }

  return {
    async store(remoteId, message, mark) {
      if (!isId(remoteId)) return BAD_ID;
      const { type, chunks } = payloadOf(message, mark);
      const timeoutMs = options.timeoutMs *
        (message.attachments.size > 0 ? UPLOAD_TIMEOUT_FACTOR : 1);
      const reply = await post(`/session/${remoteId}/messages`, { type, chunks }, timeoutMs);
      if (isDoubtful(reply)) return DOUBTFUL;
      const stored = parse(reply, storedSchema, "create");
      return stored.kind === "done" ? { kind: "done", value: toStored(stored.value) } : stored;
    },

    async find(remoteId, mark) {
      if (!isId(remoteId)) return BAD_ID;
      // Oldest first: asked for the newest, the server may leave out the one that we look for.
      let limit = PAGE_SIZE;
      let cursor: string | null = null;
      for (let read = 0; read < MAX_SEARCHED_PAGES; read++) {
        const page: Awaited<ReturnType<typeof readPage>> = await readPage(remoteId, {
          limit,
          format: "acontext",
          with_asset_public_url: "false",
          ...(cursor === null ? {} : { cursor }),
        });
        if (page.kind === "too_large" && limit > 1) {
          limit = Math.ceil(limit / 4);
          continue;
        }
        if (page.kind === "too_large") return { kind: "unavailable", detail: "too_large" };
        if (page.kind !== "done") return page;
        const found = findMarked(page.value, mark);
        if (found !== null) return found;
        if (!page.value.has_more) return { kind: "done", value: null };
        cursor = page.value.next_cursor ?? null;
      }
      return { kind: "unavailable", detail: "list_too_long" };
    },

    async page(remoteId, query) {
      if (!isId(remoteId)) return BAD_ID;
      const { limit, cursor, newest, format, editStrategies, withAssetUrls } = query;
      const page = await readPage(remoteId, {
        limit: limit ?? 0,
        format,
        time_desc: String(newest),
        with_asset_public_url: String(withAssetUrls),
        ...(cursor === null ? {} : { cursor }),
        ...(editStrategies.length === 0 ? {} : { edit_strategies: JSON.stringify(editStrategies) }),
      });
      if (page.kind !== "done") return page;
      const { has_more: more, next_cursor: next, this_time_tokens: tokens } = page.value;
      const publicUrls = Object.fromEntries(
        Object.entries(page.value.public_urls ?? {})
          .map(([hash, { url, expire_at: expiresAt }]) => [hash, { url, expiresAt }]),
      );
      const messages = messagesOf(page.value);
      return {
        kind: "done",
        value: { messages, next: more && next ? next : null, tokens, publicUrls },
      };
    },

    async countTokens(remoteId) {
      if (!isId(remoteId)) return BAD_ID;
      const reply = await request("GET", `/session/${remoteId}/token_counts`);
      if (reply.httpStatus === 404 || reply.httpStatus === 403) return DOUBTFUL;
      const counted = parse(reply, tokensSchema, "read");
      return counted.kind === "done"
        ? { kind: "done", value: counted.value.total_tokens }
        : counted;
    },
  };
}

/** The message routes answer 400 to everything, and only `code` tells a bad body from a failed look-up. */
function isDoubtful({ httpStatus, content }: Reply): boolean {
  return httpStatus === 400 && isEnvelope(content) && content.code >= 500;
}

function payloadOf({ format, message, meta, attachments }: NewMessage, mark: string | null) {
  const json = JSON.stringify({
    blob: message,
    format,
    meta: mark === null ? meta : { ...meta, [MARK]: { mark } },
  });
  return attachments.size > 0
    ? multipart({ payload: json }, attachments)
    : { type: "application/json", chunks: [new TextEncoder().encode(json)] };
}

function toStored({ id, created_at: createdAt }: z.infer<typeof storedSchema>): StoredMessage {
  return { id: id.toLowerCase(), createdAt };
}

function findMarked(
  { items, ids, metas }: Page,
  mark: string,
): RemoteOutcome<StoredMessage> | null {
  const index = (metas ?? []).findIndex(({ [MARK]: notes }) =>
    typeof notes === "object" && notes !== null && "mark" in notes && notes["mark"] === mark
  );
  if (index < 0) return null;
  const stored = storedSchema.safeParse({ ...datedItem(items[index]), id: ids[index] });
  return stored.success ? { kind: "done", value: toStored(stored.data) } : badShape("read");
}

function datedItem(item: unknown): { created_at?: string } {
  const dated = datedItemSchema.safeParse(item);
  return dated.success ? dated.data : {};
}

function messagesOf({ items, ids, metas }: Page): LoadedMessage[] {
  // A format that leaves messages out does not show which.
  const complete = items.length === ids.length;
  return items.map((message, index) => ({
    id: complete ? ids[index] ?? null : null,
    meta: complete ? withoutMark(metas?.[index] ?? {}) : {},
    message: cleaned(message),
  }));
}

function withoutMark(meta: JsonObject): JsonObject {
  const { [MARK]: _mark, ...own } = meta;
  return own;
}

/** The format `acontext` repeats the meta within the message. */
function cleaned(message: Json): Json {
  if (typeof message !== "object" || message === null || Array.isArray(message)) return message;
  const { meta, ...rest } = message;
  if (typeof meta !== "object" || meta === null || Array.isArray(meta) || !(MARK in meta)) {
    return message;
  }
  const own = withoutMark(meta);
  return Object.keys(own).length === 0 ? rest : { ...rest, meta: own };
}
