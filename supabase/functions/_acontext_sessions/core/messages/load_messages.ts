/**
 * Reads a session's conversation.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import type {
  EditStrategy,
  Format,
  LoadedMessage,
  MessagePage,
  Messages,
  PageQuery,
} from "./ports.ts";
import type { RemoteIds, SessionKey } from "../sessions/ports.ts";
import { enter, explain, unavailable, type UseDeps } from "../sessions/use_session.ts";

const ACTION = "load the messages";
const MAX_LIMIT = 200;
/** Pages that may have been added while the newest were read. */
const MAX_ROUNDS = 10;

export interface LoadMessagesDeps extends UseDeps {
  messages: Messages;
}

export interface LoadMessagesInput {
  key: SessionKey;
  /** A page of so many; null: the whole conversation, or a full page where a cursor is given. */
  limit: number | null;
  cursor: string | null;
  /** The newest so many, instead of a page. */
  last: number | null;
  format: Format;
  editStrategies: EditStrategy[];
  withAssetUrls: boolean;
}

/** Oldest first. */
export interface LoadedMessages {
  messages: LoadedMessage[];
  nextCursor: string | null;
  hasMore: boolean;
  /** Null where Acontext did not count exactly these messages. */
  tokens: number | null;
  publicUrls: MessagePage["publicUrls"];
}

/**
 * A page of the conversation, its newest messages, or all of it.
 *
 * @throws {AppError} those of {@link enter}, `invalid_request` for a bad cursor, `history_too_large`,
 *   `acontext_unavailable`, `acontext_rejected`, `acontext_inconsistent`
 */
export async function loadMessages(
  deps: LoadMessagesDeps,
  input: LoadMessagesInput,
): Promise<LoadedMessages> {
  const ids = await enter(deps, input.key, { touch: true });
  const read = (query: Partial<PageQuery>) => readPage(deps, { input, ids, query });
  if (input.last !== null) {
    // Strategies are applied to a page: only the whole conversation as one page is edited as a whole.
    return input.editStrategies.length > 0
      ? newestOf(await read({ limit: null }), input.last)
      : await readNewest(read, input.last);
  }
  const limit = input.limit ?? (input.cursor === null ? null : MAX_LIMIT);
  const page = await read({ limit, cursor: input.cursor });
  const { messages, next, tokens, publicUrls } = page;
  return { messages, nextCursor: next, hasMore: next !== null, tokens, publicUrls };
}

/**
 * The newest messages as they are. Asked for its newest, the server leaves out the very newest when there are more, so
 * what follows the page is read too.
 */
async function readNewest(
  read: (query: Partial<PageQuery>) => Promise<MessagePage>,
  last: number,
): Promise<LoadedMessages> {
  const page = await read({ limit: last, newest: true });
  if (page.next === null) return newestOf(page, last);
  const messages = [...page.messages];
  const publicUrls = { ...page.publicUrls };
  const seen = new Set(messages.map(({ id }) => id));
  let cursor: string | null = page.next;
  for (let round = 0; round < MAX_ROUNDS && cursor !== null; round++) {
    const more: MessagePage = await read({ limit: MAX_LIMIT, cursor });
    messages.push(...more.messages.filter(({ id }) => id === null || !seen.has(id)));
    Object.assign(publicUrls, more.publicUrls);
    cursor = more.next;
  }
  return newestOf({ messages, publicUrls, next: null, tokens: null }, last);
}

function newestOf(
  { messages, tokens, publicUrls }: Omit<MessagePage, "tokens"> & { tokens: number | null },
  last: number,
): LoadedMessages {
  const exact = messages.length <= last;
  return {
    messages: messages.slice(-last),
    nextCursor: null,
    hasMore: false,
    tokens: exact ? tokens : null,
    publicUrls,
  };
}

async function readPage(
  deps: LoadMessagesDeps,
  { input, ids, query }: {
    input: LoadMessagesInput;
    ids: RemoteIds;
    query: Partial<PageQuery>;
  },
): Promise<MessagePage> {
  const { format, editStrategies, withAssetUrls, key } = input;
  const whole = { limit: null, cursor: null, newest: false, format, editStrategies, withAssetUrls };
  const page = await deps.messages.page(ids.acontextSessionId, { ...whole, ...query });
  if (page.kind === "done") return page.value;
  if (page.kind === "too_large") throw new AppError("history_too_large");
  throw await explain(deps, page, {
    key,
    ids,
    needs: "session",
    action: ACTION,
    ...(input.cursor === null ? {} : { refused: badCursor, doubted }),
  });

  /** To a bad cursor Acontext answers as if it were broken. A page without it tells. */
  async function doubted(): Promise<AppError> {
    const first = await deps.messages.page(ids.acontextSessionId, { ...whole, limit: 1 });
    return first.kind === "done" ? badCursor() : unavailable(ACTION);
  }
}

function badCursor(): AppError {
  return new AppError("invalid_request", {
    details: [{ path: "cursor", message: "must be the nextCursor of an earlier page" }],
  });
}

/**
 * The tokens of the whole conversation. Looking is no activity: a dashboard must not keep a session alive.
 *
 * @throws {AppError} those of {@link enter}, `acontext_unavailable`, `acontext_rejected`, `acontext_inconsistent`
 */
export async function countTokens(
  deps: LoadMessagesDeps,
  key: SessionKey,
): Promise<{ totalTokens: number }> {
  const ids = await enter(deps, key, { touch: false });
  const counted = await deps.messages.countTokens(ids.acontextSessionId);
  if (counted.kind === "done") return { totalTokens: counted.value };
  throw await explain(deps, counted, {
    key,
    ids,
    needs: "session",
    action: "count the tokens",
  });
}
