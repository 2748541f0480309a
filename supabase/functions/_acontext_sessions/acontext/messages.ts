/**
 * The `Messages` port: the messages of remote sessions.
 *
 * @module
 */
import * as z from "zod";
import { isId } from "../core/ids.ts";
import { isObject } from "../core/messages/formats/json.ts";
import { USER_META } from "../core/messages/formats/own.ts";
import { showMessages, type Shown } from "../core/messages/formats/show.ts";
import {
  type Format,
  type LoadedMessage,
  type Messages,
  type NewMessage,
  type Omitted,
  type StoredMessage,
} from "../core/messages/ports.ts";
import type { Json, JsonObject, RemoteOutcome } from "../core/ports.ts";
import { MARK, PAGE_SIZE } from "../core/resources.ts";
import { attachmentsOf, noteOf } from "./attachments.ts";
import { multipart, UPLOAD_TIMEOUT_FACTOR } from "./multipart.ts";
import { BAD_ID, badShape, DOUBTFUL } from "./outcomes.ts";
import { type AcontextOptions, createRequests, parse } from "./requests.ts";
import { isEnvelope } from "./schemas.ts";
import { uniqueBlob } from "./unique_content.ts";
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
  edit_at_message_id: z.string().nullish(),
  public_urls: z.record(z.string(), z.object({ url: z.string(), expire_at: z.string() })).nullish(),
});
const datedItemSchema = z.object({ created_at: time });
const childSchema = z.object({ parent_id: z.string().nullish() });
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

    async find(remoteId, mark, { atLeast }) {
      if (!isId(remoteId)) return BAD_ID;
      let seen = 0;
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
        seen += page.value.ids.length;
        if (page.value.has_more) {
          cursor = page.value.next_cursor ?? null;
          continue;
        }
        if (seen >= atLeast) return { kind: "done", value: null };
        // A message that cannot be read makes a page look like the last one.
        const behind = cursorBehind(page.value);
        if (behind === null) return { kind: "unavailable", detail: "incomplete" };
        cursor = behind;
      }
      return { kind: "unavailable", detail: "list_too_long" };
    },

    async page(remoteId, query) {
      if (!isId(remoteId)) return BAD_ID;
      const { limit, cursor, newest, format, editStrategies, pinEditsAt, withAssetUrls } = query;
      const params = {
        limit: limit ?? 0,
        time_desc: String(newest),
        with_asset_public_url: String(withAssetUrls),
        ...(cursor === null ? {} : { cursor }),
        ...(editStrategies.length === 0 ? {} : { edit_strategies: JSON.stringify(editStrategies) }),
        ...(pinEditsAt === null ? {} : { pin_editing_strategies_at_message: pinEditsAt }),
      };
      // Acontext's own format is the only one that says everything. The others are made of it here.
      const page = await readPage(remoteId, { ...params, format: "acontext" });
      if (page.kind !== "done") return page;
      const { items, ids, has_more: more, next_cursor: next } = page.value;
      // Each message in this format has its id; without, it could not be told which is which.
      if (items.length !== ids.length) return badShape("read");
      const urls = page.value.public_urls ?? {};
      const stored = items.map((message, index) => ({ id: ids[index] ?? "", message }));
      const shown = showMessages(stored, { format, urls });
      const omitted = shown.flatMap(omissionsOf);
      return {
        kind: "done",
        value: {
          messages: messagesOf(page.value, { shown, format }),
          ids,
          editedAt: page.value.edit_at_message_id || null,
          next: more && next ? next : null,
          tokens: page.value.this_time_tokens,
          publicUrls: Object.fromEntries(
            Object.entries(urls).map((
              [hash, { url, expire_at: expiresAt }],
            ) => [hash, { url, expiresAt }]),
          ),
          ...(omitted.length > 0 && { omitted }),
        },
      };
    },

    async pageEnd(remoteId, { limit, cursor }) {
      if (!isId(remoteId)) return BAD_ID;
      const page = await readPage(remoteId, {
        limit,
        format: "acontext",
        with_asset_public_url: "false",
        ...(cursor === null ? {} : { cursor }),
      });
      if (page.kind === "too_large") return { kind: "unavailable", detail: "too_large" };
      if (page.kind !== "done") return page;
      return {
        kind: "done",
        value: {
          ids: page.value.ids,
          missing: countMissing(page.value, cursor),
          next: page.value.next_cursor || cursorBehind(page.value),
        },
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

function payloadOf(message: NewMessage, mark: string) {
  const { meta, attachments } = message;
  const json = JSON.stringify({
    ...uniqueBlob(message, mark),
    meta: { ...meta, [MARK]: noteOf(mark, attachments.size) },
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

/**
 * Where the list goes on behind the last message of a page in Acontext's own format; null when the page is empty. As the
 * server writes it (API 0.1.41): its time in nanoseconds and its id, in unpadded base64url.
 */
function cursorBehind({ items, ids }: Page): string | null {
  const id = ids.at(-1);
  const at = datedItem(items.at(-1)).created_at;
  if (id === undefined || at === undefined) return null;
  return btoa(`${nanoseconds(at)}|${id}`).replaceAll("+", "-").replaceAll("/", "_")
    .replace(/=+$/, "");
}

/** Messages that those of a page name as the one before them, and that are neither on the page nor at its cursor. */
function countMissing({ items, ids }: Page, cursor: string | null): number {
  const known = new Set([...ids, ...(cursor === null ? [] : [messageAt(cursor)])]);
  const parents = items.map((item) => childSchema.safeParse(item).data?.parent_id ?? null);
  return new Set(parents.filter((id) => id !== null && !known.has(id))).size;
}

/** The id in a cursor; empty when it has another form. */
function messageAt(cursor: string): string {
  try {
    return atob(cursor.replaceAll("-", "+").replaceAll("_", "/")).split("|")[1] ?? "";
  } catch {
    return "";
  }
}

/** Of a time with up to nine fractional digits. */
function nanoseconds(time: string): bigint {
  const fraction = /\.(\d+)/.exec(time)?.[1] ?? "";
  const seconds = BigInt(Date.parse(time.replace(/\.\d+/, "")) / 1000);
  return seconds * 1_000_000_000n + BigInt(fraction.padEnd(9, "0").slice(0, 9));
}

/** A message that became several has its id and its `meta` in each of them, and its files with the first. */
function messagesOf(
  { items, metas }: Page,
  { shown, format }: { shown: Shown[]; format: Format },
): LoadedMessage[] {
  return shown.flatMap(({ id, messages }, index) => {
    const meta = withoutMark(metas?.[index] ?? {});
    const attachments = attachmentsOf(items[index]);
    return messages.map((message, place) => ({
      id,
      meta,
      message: format === "acontext" ? cleaned(message) : message,
      ...(place === 0 && attachments.length > 0 && { attachments }),
    }));
  });
}

function omissionsOf({ id, omitted }: Shown): Omitted[] {
  return omitted.map(({ at, reason }) => ({ messageId: id, path: at.join("."), reason }));
}

function withoutMark(meta: JsonObject): JsonObject {
  const { [MARK]: _mark, ...own } = meta;
  return own;
}

/** The format `acontext` repeats the meta within the message. */
function cleaned(message: Json): Json {
  if (!isObject(message)) return message;
  const { meta, ...rest } = message;
  if (!isObject(meta)) return message;
  const own = ownMeta(meta);
  return Object.keys(own).length === 0 ? rest : { ...rest, meta: own };
}

/** Acontext's notes, and the caller's own in a member of theirs. */
function ownMeta(meta: JsonObject): JsonObject {
  const { [USER_META]: users, ...notes } = withoutMark(meta);
  if (!isObject(users)) return users === undefined ? notes : { ...notes, [USER_META]: users };
  const own = withoutMark(users);
  return Object.keys(own).length === 0 ? notes : { ...notes, [USER_META]: own };
}
