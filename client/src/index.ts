/**
 * Chat sessions with their messages and files, for apps that have a supabase-js client.
 *
 * @example
 * ```ts
 * import { createClient } from "@supabase/supabase-js";
 * import { createSessionsClient } from "acontext-sessions-client";
 *
 * const chat = createSessionsClient(createClient(url, publishableKey));
 * const { id } = await chat.sessions.create({ title: "Trip to Lisbon" });
 * await chat.messages.store(id, { role: "user", content: "Where shall we stay?" });
 * ```
 *
 * @module
 */
import type { SupabaseClient } from "@supabase/supabase-js";
import { createFiles, type Files } from "./files.ts";
import { createMessages, type Messages } from "./messages.ts";
import type { RetryOptions } from "./retry.ts";
import { createSessions, type Sessions } from "./sessions.ts";

export { SessionsError, type SessionsErrorCode } from "./error.ts";
export type { Place } from "./files.ts";
export type { ListQuery } from "./list.ts";
export type { Format, LoadOptions, MessageFormats, MessagePage, StoreOptions } from "./messages.ts";
export type { CallOptions, RetryOptions } from "./retry.ts";
export type { SessionPage } from "./sessions.ts";
export type {
  CreateSessionBody,
  DeleteAnswer,
  Directory,
  EditStrategy,
  ErrorDetail,
  FileView,
  JsonObject,
  Session,
  StoredMessage,
} from "./wire.ts";

export interface SessionsClient {
  sessions: Sessions;
  messages: Messages;
  files: Files;
}

/** Works as whoever is signed in with `supabase`. Calls throw a {@link SessionsError}. */
export function createSessionsClient(
  supabase: SupabaseClient,
  retry: RetryOptions = {},
): SessionsClient {
  const context = { supabase, retry };
  return {
    sessions: createSessions(context),
    messages: createMessages(context),
    files: createFiles(context),
  };
}
