import { SessionsError } from "./error.ts";
import { type Context, invoke } from "./functions.ts";
import { cursorAfter, type ListQuery, selectPage } from "./list.ts";
import { type CallOptions, withRetries } from "./retry.ts";
import { COLUMNS, type Row, table, toError, toSession } from "./rows.ts";
import type { CreateSessionBody, DeleteAnswer, JsonObject, Session } from "./wire.ts";

export interface SessionPage {
  sessions: Session[];
  /** Null on the last page. */
  nextCursor: string | null;
}

interface Changes {
  title?: string | null;
  metadata?: JsonObject;
  pinned?: boolean;
  ttl?: string | null;
}

export type Sessions = ReturnType<typeof createSessions>;

export function createSessions(context: Context) {
  const { supabase, retry } = context;

  async function create(
    fields: CreateSessionBody = {},
    { signal }: CallOptions = {},
  ): Promise<Session> {
    // With an id, a repeated call never makes a second session.
    const body = { id: crypto.randomUUID(), ...fields };
    return (await invoke<Session>(context, "create-session", { method: "POST", body, signal }))
      .data;
  }

  /** The page that `selectPage` describes. */
  async function list(
    { signal, ...query }: ListQuery & CallOptions = {},
  ): Promise<SessionPage> {
    const { limit } = selectPage(supabase, query);
    const rows = await withRetries(async () => {
      const { query: select } = selectPage(supabase, query);
      const { data, error, status } = await select.abortSignal(signalOr(signal)).retry(false);
      if (error) throw toError(error, status);
      return data;
    }, { ...retry, signal });
    const sessions = rows.slice(0, limit).map(toSession);
    const last = rows.length > limit ? sessions.at(-1) : undefined;
    return { sessions, nextCursor: last === undefined ? null : cursorAfter(last) };
  }

  async function* pages(
    { cursor, ...options }: ListQuery & CallOptions = {},
  ): AsyncGenerator<SessionPage, void, void> {
    do {
      const page = await list({ ...options, cursor });
      yield page;
      cursor = page.nextCursor;
    } while (cursor !== null);
  }

  /** One row, read or changed. */
  async function one(id: string, changes: Changes | null, signal: AbortSignal | undefined) {
    const row = await withRetries(async () => {
      const query = changes === null
        ? table(supabase).select<string, Row>(COLUMNS)
        : table(supabase).update(changes).select<string, Row>(COLUMNS);
      const { data, error, status } = await query.eq("id", id).abortSignal(signalOr(signal))
        .retry(false).maybeSingle();
      if (error) throw toError(error, status);
      return data;
    }, { ...retry, signal });
    if (row !== null) return toSession(row);
    throw new SessionsError({
      code: "session_not_found",
      message: "Cannot find the session: it does not exist, is not yours or is being deleted",
      status: 404,
    });
  }

  return {
    /** Makes a session with its two parts in Acontext. Sent again until it succeeds; never makes two. */
    create,

    /** The own session with this id; makes it when there is none, and completes a half-made one. */
    getOrCreate: (
      id: string,
      fields: Omit<CreateSessionBody, "id"> = {},
      options: CallOptions = {},
    ): Promise<Session> => create({ ...fields, id }, options),

    /** @throws {SessionsError} `session_not_found` for what is not there, not active, or somebody else's */
    get: (id: string, { signal }: CallOptions = {}): Promise<Session> => one(id, null, signal),

    /** A page of the own sessions: pinned first, then newest activity. */
    list,

    /** All pages from `cursor` on. A session that is used meanwhile moves to the front and may be missed. */
    pages,

    rename: (
      id: string,
      title: string | null,
      { signal }: CallOptions = {},
    ): Promise<Session> => one(id, { title }, signal),

    /** A pinned session comes first and never expires. */
    pin: (id: string, pinned = true, { signal }: CallOptions = {}): Promise<Session> =>
      one(id, { pinned }, signal),

    /** Replaces the metadata as a whole: an object of 8 KiB at most. */
    setMetadata: (
      id: string,
      metadata: JsonObject,
      { signal }: CallOptions = {},
    ): Promise<Session> => one(id, { metadata }, signal),

    /** Own lifetime in seconds after the last activity, 60 to 315,360,000; null: the project's. */
    setTtl: (id: string, ttl: number | null, { signal }: CallOptions = {}): Promise<Session> =>
      one(id, { ttl: ttl === null ? null : `${ttl} seconds` }, signal),

    /**
     * Deletes the session with its messages and files. `deleted: false`: gone for the user, and the cleanup proves the
     * rest.
     */
    async delete(id: string, { signal }: CallOptions = {}): Promise<DeleteAnswer> {
      let sent = 0;
      return await withRetries(async () => {
        sent += 1;
        try {
          const path = `delete-session/${encodeURIComponent(id)}`;
          const call = { method: "DELETE", signal, repeatable: false } as const;
          return (await invoke<DeleteAnswer>(context, path, call)).data;
        } catch (error) {
          // An earlier request did it, and its answer was lost.
          const gone = error instanceof SessionsError && error.code === "session_not_found";
          if (gone && sent > 1) return { deleted: true };
          throw error;
        }
      }, { ...retry, signal });
    },

    /** Takes a deletion back, within the project's grace period. Not sent again by itself. */
    async restore(id: string, { signal }: CallOptions = {}): Promise<Session> {
      const path = `delete-session/${encodeURIComponent(id)}/restore`;
      const call = { method: "POST", signal, repeatable: false } as const;
      return (await invoke<Session>(context, path, call)).data;
    },
  };
}

/** supabase-js has no way to say "no signal". */
function signalOr(signal: AbortSignal | undefined): AbortSignal {
  return signal ?? new AbortController().signal;
}
