/** GET /session/:id/messages. @module */

import { z } from "zod";
import { badRequest, databaseError, ok } from "../answer.ts";
import { encodeCursor } from "../cursor.ts";
import { type JsonObject, parseJson } from "../json.ts";
import { type ListQuery, readBoolean, readListQuery } from "../list_query.ts";
import { StrategyError } from "../messages/edit/params.ts";
import { applyStrategies, type StrategyConfig } from "../messages/edit/strategies.ts";
import type { Files } from "../messages/files.ts";
import { type Format, FORMATS } from "../messages/normalized.ts";
import { render } from "../messages/render.ts";
import { userMeta } from "../messages/to_acontext.ts";
import { loadTokenCounter } from "../messages/tokens.ts";
import { publicLink } from "../public_link.ts";
import type { Call, State } from "../state.ts";
import type { Message } from "../store/messages.ts";
import { formatTimestamp } from "../timestamps.ts";
import { requireSession } from "./session_answers.ts";

const ASSET_EXPIRES_MS = 24 * 60 * 60 * 1000;

const strategiesSchema = z.array(z.object({
  type: z.string().default(""),
  params: z.record(z.string(), z.unknown()).nullish().transform((params) => params ?? {}),
}));

interface Input {
  list: ListQuery;
  format: Format;
  withUrls: boolean;
  strategies: StrategyConfig[];
  /** The message up to which strategies edit; null, or one that is not in the page: all. */
  pin: string | null;
}

/** Loads messages, always oldest first. A missing or foreign session and a bad cursor are HTTP 400 with code 500. */
export async function loadMessages(call: Call, state: State): Promise<Response> {
  const input = readInput(call.url.searchParams);
  if (input instanceof Response) return input;
  const missing = () => databaseError("session not found", 400);
  const session = requireSession(call, state, missing, missing);
  if (session instanceof Response) return session;

  const rows = state.messages.list(session.id, input.list);
  const page = cutPage(rows.filter((message) => isReadable(message, state)), input.list);
  const tokens = await loadTokenCounter();
  const pinIndex = page.messages.findIndex(({ id }) => id === input.pin);
  const isPinned = pinIndex >= 0 && input.strategies.length > 0;
  const editable = isPinned ? page.messages.slice(0, pinIndex + 1) : page.messages;
  let messages: Message[];
  try {
    messages = [
      ...applyStrategies(editable, input.strategies, tokens),
      ...page.messages.slice(editable.length),
    ];
  } catch (error) {
    if (!(error instanceof StrategyError)) throw error;
    return databaseError(`failed to apply edit strategies: ${error.message}`, 400);
  }
  const urls = input.withUrls ? assetUrls(messages, call, state) : {};
  const editedAt = (input.strategies.length > 0 ? editable : messages).at(-1);
  return ok({
    items: render(input.format, messages, {
      files: filesOf(state, urls),
      parentOf: parentsIn(state.messages.all(session.id)),
    }),
    ids: messages.map(({ id }) => id),
    metas: messages.map(userMeta),
    ...(page.nextCursor === null ? {} : { next_cursor: page.nextCursor }),
    has_more: page.nextCursor !== null,
    this_time_tokens: tokens.ofMessages(messages),
    ...(editedAt === undefined ? {} : { edit_at_message_id: editedAt.id }),
    ...(input.format === "acontext" && Object.keys(urls).length > 0 ? { public_urls: urls } : {}),
  });
}

function readInput(query: URLSearchParams): Input | Response {
  const list = readListQuery(
    query,
    { default: 0, allowZero: true },
    (error) => databaseError(error, 400),
  );
  if (list instanceof Response) return list;
  const withUrls = readBoolean(query.get("with_asset_public_url"), true);
  if (withUrls === null) return badRequest("strconv.ParseBool: invalid syntax");
  const format = FORMATS.find((known) => known === (query.get("format") || "openai"));
  if (format === undefined) return badRequest("Field validation for 'Format' failed");
  const rawStrategies = query.get("edit_strategies") || "[]";
  const parsed = parseJson(rawStrategies);
  const strategies = strategiesSchema.safeParse(parsed.ok ? parsed.value ?? [] : "not JSON");
  if (!strategies.success) return badRequest("invalid JSON", "invalid edit_strategies JSON");
  const pin = query.get("pin_editing_strategies_at_message") || null;
  return { list, format, withUrls, strategies: strategies.data, pin };
}

/**
 * Cuts the page as the server does. One more than the limit was read, newest first when asked so; they are sorted oldest
 * first and the *first* ones kept. With `time_desc` that loses the newest message, and the next page overlaps.
 */
function cutPage(rows: Message[], { limit, descending }: ListQuery) {
  const ascending = descending ? rows.toReversed() : rows;
  const messages = limit > 0 ? ascending.slice(0, limit) : ascending;
  const last = messages.at(-1);
  const hasMore = ascending.length > messages.length && last !== undefined;
  const nextCursor = hasMore ? encodeCursor({ micros: last.createdAt, id: last.id }) : null;
  return { messages, nextCursor };
}

/** What cannot be read is left out in silence, before the page is cut. */
function isReadable({ content, cachedUntil }: Message, state: State): boolean {
  return cachedUntil > state.now() || (!state.storage.down && state.objects.has(content.key));
}

type AssetUrls = Record<string, { url: string; expire_at: string }>;

function assetUrls(messages: readonly Message[], call: Call, state: State): AssetUrls {
  const expiresAt = state.now() + ASSET_EXPIRES_MS;
  const expire_at = formatTimestamp(Math.floor(expiresAt * 1000));
  const assets = messages.flatMap(({ parts }) => parts.flatMap(({ asset }) => asset ?? []));
  return Object.fromEntries(assets.map(({ sha256, s3_key }) => [
    sha256,
    { url: publicLink(call, state, { objectKey: s3_key, expiresAt }), expire_at },
  ]));
}

/** The message before each. */
function parentsIn(messages: readonly Message[]): (id: string) => string | null {
  const parents = new Map(messages.map(({ id }, index) => [id, messages[index - 1]?.id ?? null]));
  return (id) => parents.get(id) ?? null;
}

function filesOf(state: State, urls: AssetUrls): Files {
  return {
    url: ({ sha256 }) => urls[sha256]?.url ?? null,
    base64: ({ s3_key }) => state.objects.get(s3_key)?.data.toBase64() ?? null,
  };
}

/** GET /session/:id/token_counts. */
export async function tokenCounts(call: Call, state: State): Promise<Response> {
  const session = requireSession(call, state);
  if (session instanceof Response) return session;
  const messages = state.messages.all(session.id).filter((message) => isReadable(message, state));
  const tokens = await loadTokenCounter();
  return ok({ total_tokens: tokens.ofMessages(messages) });
}

/** GET /session/:id/observing_status. Nothing is ever learned here: all tracked messages stay pending. */
export function observingStatus(call: Call, state: State): Response {
  const session = requireSession(call, state);
  if (session instanceof Response) return session;
  const messages = state.messages.all(session.id);
  const updated = messages.at(-1)?.createdAt ?? session.updatedAt;
  const status: JsonObject = {
    observed: 0,
    in_process: 0,
    pending: messages.filter((message) => message.status === "pending").length,
    updated_at: formatTimestamp(updated),
  };
  return ok(status);
}
