/**
 * Loads a session's messages: a page of them, the newest, or all.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import { PAGE_SIZE } from "../resources.ts";
import type { SessionKey } from "../sessions/ports.ts";
import { type SessionInUse, type UseDeps, useSession } from "../sessions/use_session.ts";
import type {
  EditStrategy,
  Format,
  LoadedMessage,
  MessagePage,
  Messages,
  PageQuery,
} from "./ports.ts";

/** Pages that may have been added while the newest were read. */
const MAX_ROUNDS = 10;

export interface LoadMessagesDeps extends UseDeps {
  messages: Messages;
}

export interface LoadMessagesInput {
  key: SessionKey;
  /** A page of this many messages; null: all messages, or a full page where a cursor is given. */
  limit: number | null;
  cursor: string | null;
  /** Only this many newest messages, instead of a page. */
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
 * A page of the messages, the newest of them, or all.
 *
 * @throws {AppError} those of {@link useSession}, `invalid_request` for a bad cursor, `history_too_large`,
 *   `acontext_unavailable`, `acontext_rejected`, `acontext_inconsistent`
 */
export async function loadMessages(
  deps: LoadMessagesDeps,
  input: LoadMessagesInput,
): Promise<LoadedMessages> {
  const session = await useSession(deps, input.key, {
    touch: true,
    needs: "session",
    action: "load the messages",
  });
  const read = (query: Partial<PageQuery>) => readPage(deps.messages, session, { input, query });
  if (input.last !== null) {
    // Strategies apply to one page: to be edited together, all messages have to be on it.
    return input.editStrategies.length > 0
      ? newestOf(await read({ limit: null }), input.last)
      : await readNewest(read, input.last);
  }
  const limit = input.limit ?? (input.cursor === null ? null : PAGE_SIZE);
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
    const more: MessagePage = await read({ limit: PAGE_SIZE, cursor });
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
  messages: Messages,
  session: SessionInUse,
  { input, query }: { input: LoadMessagesInput; query: Partial<PageQuery> },
): Promise<MessagePage> {
  const { format, editStrategies, withAssetUrls, cursor } = input;
  const { acontextSessionId: remoteId } = session;
  const whole = { limit: null, cursor: null, newest: false, format, editStrategies, withAssetUrls };
  const page = await messages.page(remoteId, { ...whole, ...query });
  if (page.kind === "done") return page.value;
  if (page.kind === "too_large") throw new AppError("history_too_large");
  throw await session.errorFor(page, cursor === null ? {} : { refused: badCursor, doubted });

  /** Acontext answers a bad cursor as if the server were broken. A page without one shows which it is. */
  async function doubted(): Promise<AppError> {
    const first = await messages.page(remoteId, { ...whole, limit: 1 });
    return first.kind === "done" ? badCursor() : session.unavailable();
  }
}

function badCursor(): AppError {
  return new AppError("invalid_request", {
    details: [{ path: "cursor", message: "must be the nextCursor of an earlier page" }],
  });
}
