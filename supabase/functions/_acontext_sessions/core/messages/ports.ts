/**
 * What the core needs to store and load messages: the use of sessions in the database, and Acontext's messages.
 *
 * @module
 */
import type { FileContent, Json, JsonObject, Lease, RemoteOutcome } from "../ports.ts";
import type { OmissionReason } from "./formats/content.ts";
import { type Format, FORMATS } from "./formats/names.ts";
import type { RateLimited, RemoteIds, SessionKey, Unusable, UseStore } from "../sessions/ports.ts";

export { type Format, FORMATS };

/** A message that Acontext has. */
export interface StoredMessage {
  id: string;
  /** ISO 8601 with an offset. */
  createdAt: string;
}

/** `mark` goes with the message, so that it can be found again. */
export type BeginMessageOutcome =
  | ({
    outcome: "started" | "resumed";
    mark: string;
    /** Messages that Acontext holds for certain, without this one; null when that is not known. */
    storedMessages: number | null;
  } & RemoteIds)
  | { outcome: "stored"; message: StoredMessage }
  | { outcome: "busy"; retryAfterMs: number }
  | { outcome: "mismatch" }
  | { outcome: "full"; limit: number }
  | RateLimited
  | Unusable;

/** An idempotency key and what it was sent with, both as SHA-256 in hexadecimal. */
export interface MessageKey {
  keyHash: string;
  bodyHash: string;
}

/** What happened to a message that was counted; see the comment on `public.acontext_settle_message`. */
export type MessageResult = "stored" | "refused" | "failed";

export interface MessageStore extends UseStore {
  beginMessage(key: SessionKey, message: MessageKey, lease: Lease): Promise<BeginMessageOutcome>;
  settleMessage(input: {
    sessionId: string;
    result: MessageResult;
    claim: { leaseId: string; keyHash: string };
    message: StoredMessage | null;
  }): Promise<{ active: boolean }>;
}

export interface NewMessage {
  format: Format;
  /** In its format, checked. */
  message: JsonObject;
  meta: JsonObject;
  /** By the `file_field` that names them. */
  attachments: ReadonlyMap<string, FileContent>;
}

/** What to leave out of a page; `params` as Acontext names them. */
export interface EditStrategy {
  type: "remove_tool_result" | "remove_tool_call_params" | "middle_out" | "token_limit";
  params?: { [name: string]: string | number | string[] | undefined } | undefined;
}

export interface PageQuery {
  /** 1 to `PAGE_SIZE`; null: all messages, and no cursor. */
  limit: number | null;
  cursor: string | null;
  /**
   * Asks for the newest. The items are still oldest first, and when there are more, the server leaves out the very
   * newest message: it follows `next`.
   */
  newest: boolean;
  format: Format;
  editStrategies: EditStrategy[];
  /** The message up to which strategies edit, so that what a model has cached stays; null: all. */
  pinEditsAt: string | null;
  withAssetUrls: boolean;
}

export interface LoadedMessage {
  /** Several have the same id when the format needs several for one that is stored. */
  id: string;
  /** What was stored with it. */
  meta: JsonObject;
  message: Json;
  /** Files that were sent with it, in the order of its parts. Absent when there are none. */
  attachments?: Attachment[] | undefined;
}

/** Something that the format of an answer cannot say. */
export interface Omitted {
  messageId: string;
  /** In the message as it was stored, `content.0.citations` for example; empty: the message. */
  path: string;
  reason: OmissionReason;
}

export interface Attachment {
  /** Of the part: `image`, `audio`, `video` or `file`. */
  type: string;
  filename: string;
  /** As Acontext took it from the bytes and the name. */
  contentType: string;
  /** Bytes. */
  size: number;
  /** Of the content, in hexadecimal digits. */
  sha256: string;
}

export interface MessagePage {
  messages: LoadedMessage[];
  /** Of the session's messages on this page, after editing; a format may show them as fewer or more. */
  ids: string[];
  /** Up to where strategies have edited; null when there is nothing. */
  editedAt: string | null;
  /** Where the next page begins; null on the last. */
  next: string | null;
  /** Of the page, after editing. */
  tokens: number;
  /** Links to the attachments, by the SHA-256 of their content. */
  publicUrls: Record<string, { url: string; expiresAt: string }>;
  /** What the format cannot say of these messages. Absent when that is nothing. */
  omitted?: Omitted[] | undefined;
}

/** What a page says of the list around it. */
export interface PageEnd {
  ids: string[];
  /** Messages that are missing before or between these, at least; of what is missing behind them, nothing is known. */
  missing: number;
  /** Where the list goes on behind the page, also when it says that it ends there; null when it is empty. */
  next: string | null;
}

/** The messages of remote sessions. */
export interface Messages {
  /**
   * Stores a message, with a mark by which {@link find} can recognise it, and which makes it unlike all others. Not
   * idempotent.
   */
  store(
    remoteId: string,
    message: NewMessage,
    mark: string,
  ): Promise<RemoteOutcome<StoredMessage>>;
  /**
   * The message with this mark; null when a complete search did not find it. A search that meets fewer than `atLeast`
   * messages is not complete.
   */
  find(
    remoteId: string,
    mark: string,
    options: { atLeast: number },
  ): Promise<RemoteOutcome<StoredMessage | null>>;
  page(
    remoteId: string,
    query: PageQuery,
  ): Promise<RemoteOutcome<MessagePage> | { kind: "too_large" }>;
  /** Looks more closely at a page of at most `limit` unedited messages that says that the list ends with it. */
  pageEnd(
    remoteId: string,
    page: { limit: number; cursor: string | null },
  ): Promise<RemoteOutcome<PageEnd>>;
  countTokens(remoteId: string): Promise<RemoteOutcome<number>>;
}
