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
  Omitted,
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
  /** A message up to which alone strategies edit. */
  pinEditsAt: string | null;
  withAssetUrls: boolean;
  /** Answer what can be read when messages are missing. */
  allowIncomplete: boolean;
}

/** Oldest first. */
export interface LoadedMessages {
  messages: LoadedMessage[];
  nextCursor: string | null;
  hasMore: boolean;
  /** Null where Acontext did not count exactly these messages. */
  tokens: number | null;
  publicUrls: MessagePage["publicUrls"];
  /** Up to where strategies have edited: to be sent with the next load. Only when a pin was asked for. */
  editedAtMessageId?: string | undefined;
  /** What the format cannot say of these messages. Absent when that is nothing. */
  omitted?: Omitted[] | undefined;
  /** Messages are missing that Acontext holds and cannot read. Absent when none is. */
  incomplete?: true | undefined;
}

/**
 * A page of the messages, the newest of them, or all.
 *
 * Acontext leaves out what it cannot read and answers 200 all the same. The database knows how many messages there are
 * at least, so an answer with fewer is not given as a whole one.
 *
 * @throws {AppError} those of {@link useSession}, `invalid_request` for a bad cursor, `messages_incomplete`,
 *   `history_too_large`, `acontext_unavailable`, `acontext_rejected`, `acontext_inconsistent`
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
  const place = placeOf(input.cursor);
  let editedAt: string | null = null;
  const loading: Loading = {
    place,
    async read(query) {
      const page = await readPage(deps.messages, session, { input: { ...input, ...place }, query });
      if (input.pinEditsAt !== null) editedAt = page.editedAt;
      return page;
    },
    atLeast: session.storedMessages ?? 0,
  };
  const loaded = input.last === null
    ? await loadPage(deps, session, { input, loading })
    // Strategies apply to one page: to be edited together, all messages have to be on it.
    : input.editStrategies.length > 0
    ? newestOf(await readWhole(loading, input), input.last)
    : await readNewest(loading, input.last);
  if (loaded.incomplete && !input.allowIncomplete) throw new AppError("messages_incomplete");
  return editedAt === null ? loaded : { ...loaded, editedAtMessageId: editedAt };
}

/** What the parts of one load share. */
interface Loading {
  place: Place;
  read(query: Partial<PageQuery>): Promise<MessagePage>;
  /** Messages that the session has at least. */
  atLeast: number;
}

/** Where in the list a page begins. */
interface Place {
  cursor: string | null;
  /** Messages before it; null when that is not known. */
  seen: number | null;
}

/**
 * Our cursors begin with the number of messages before them, read or known to be missing; those of version 0.1.0 are the
 * server's own.
 */
const CURSOR = /^(\d{1,9})~([\s\S]+)$/;

function placeOf(cursor: string | null): Place {
  if (cursor === null) return { cursor: null, seen: 0 };
  const [, seen, own = cursor] = CURSOR.exec(cursor) ?? [];
  return { cursor: own, seen: seen === undefined ? null : Number(seen) };
}

async function loadPage(
  deps: LoadMessagesDeps,
  session: SessionInUse,
  { input, loading }: { input: LoadMessagesInput; loading: Loading },
): Promise<LoadedMessages> {
  const limit = input.limit ?? (input.cursor === null ? null : PAGE_SIZE);
  if (limit === null) return asLoaded(await readWhole(loading, input));
  const { place: { cursor, seen: before }, atLeast } = loading;
  const page = await loading.read({ limit, cursor });
  if (before === null) return asLoaded({ ...page, incomplete: false });
  const seen = before + page.ids.length;
  if (page.next !== null || seen >= atLeast) {
    return asLoaded({ ...page, next: cursorAt(seen, page.next), incomplete: false });
  }
  // Edited, a page may have fewer messages than were read.
  if (mayDrop(input.editStrategies)) return asLoaded({ ...page, incomplete: false });
  // The server looks one message ahead, and takes one that it cannot read for the end of the list: a full page may lack
  // nothing.
  const isFull = page.ids.length === limit;
  if (!isFull && !input.allowIncomplete) throw new AppError("messages_incomplete");
  const end = await session.must(
    deps.messages.pageEnd(session.acontextSessionId, { limit, cursor }),
  );
  const isWhole = isFull && end.missing === 0 && end.ids.join() === page.ids.join();
  const passed = seen + end.missing;
  const next = passed >= atLeast ? null : cursorAt(passed, end.next);
  return asLoaded({ ...page, next, incomplete: !isWhole });
}

function cursorAt(seen: number, next: string | null): string | null {
  return next === null ? null : `${seen}~${next}`;
}

interface CheckedPage extends Omit<MessagePage, "tokens" | "editedAt"> {
  tokens: number | null;
  incomplete: boolean;
}

/** All messages. */
async function readWhole(
  { read, atLeast }: Loading,
  { editStrategies }: LoadMessagesInput,
): Promise<CheckedPage> {
  const page = await read({ limit: null, cursor: null });
  if (page.ids.length >= atLeast) return { ...page, incomplete: false };
  if (!mayDrop(editStrategies)) return { ...page, incomplete: true };
  if (page.ids.length > 0) return { ...page, incomplete: false };
  // Nothing is left: by the strategies, or is there nothing to be read?
  const unedited = await read({ limit: 1, cursor: null, editStrategies: [] });
  return { ...page, incomplete: unedited.ids.length === 0 };
}

/** Whether whole messages may be left out. */
function mayDrop(strategies: EditStrategy[]): boolean {
  return strategies.some(({ type }) => type === "token_limit" || type === "middle_out");
}

function asLoaded(
  { messages, next, tokens, publicUrls, omitted, incomplete }: CheckedPage,
): LoadedMessages {
  return {
    messages,
    nextCursor: next,
    hasMore: next !== null,
    tokens,
    publicUrls,
    ...(omitted !== undefined && { omitted }),
    ...(incomplete && { incomplete }),
  };
}

/**
 * The newest messages as they are. Asked for its newest, the server leaves out the very newest when there are more, so
 * what follows the page is read too.
 */
async function readNewest({ read, atLeast }: Loading, last: number): Promise<LoadedMessages> {
  const page = await read({ limit: last, cursor: null, newest: true });
  // Where messages are missing, the server takes what is left for all there is. It does not tell whether the newest are
  // among them, or the one before those that were asked for.
  if (page.next === null) {
    return newestOf({ ...page, incomplete: page.ids.length < atLeast }, last);
  }
  const messages = [...page.messages];
  const publicUrls = { ...page.publicUrls };
  const omitted = [...page.omitted ?? []];
  const seen = new Set(page.ids);
  let cursor: string | null = page.next;
  let more = 0;
  for (let round = 0; round < MAX_ROUNDS && cursor !== null; round++) {
    const next: MessagePage = await read({ limit: PAGE_SIZE, cursor });
    messages.push(...next.messages.filter(({ id }) => !seen.has(id)));
    omitted.push(...(next.omitted ?? []).filter(({ messageId }) => !seen.has(messageId)));
    for (const id of next.ids) seen.add(id);
    Object.assign(publicUrls, next.publicUrls);
    more += next.ids.length;
    cursor = next.next;
  }
  return newestOf({
    messages,
    ids: [...seen],
    publicUrls,
    omitted,
    next: null,
    tokens: null,
    incomplete: more === 0,
  }, last);
}

function newestOf(
  { messages, ids, tokens, publicUrls, omitted = [], incomplete }: CheckedPage,
  last: number,
): LoadedMessages {
  // Of those that are stored: a format may show one as several, or not at all.
  const newest = new Set(ids.slice(-last));
  const left = omitted.filter(({ messageId }) => newest.has(messageId));
  return {
    messages: messages.filter(({ id }) => newest.has(id)),
    nextCursor: null,
    hasMore: false,
    tokens: ids.length <= last ? tokens : null,
    publicUrls,
    ...(left.length > 0 && { omitted: left }),
    ...(incomplete && { incomplete }),
  };
}

async function readPage(
  messages: Messages,
  session: SessionInUse,
  { input, query }: { input: LoadMessagesInput; query: Partial<PageQuery> },
): Promise<MessagePage> {
  const { format, editStrategies, pinEditsAt, withAssetUrls, cursor } = input;
  const { acontextSessionId: remoteId } = session;
  const edits = { editStrategies, pinEditsAt };
  const whole = { limit: null, cursor: null, newest: false, format, ...edits, withAssetUrls };
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
