/** One client of the load: calls what an app calls, in a fixed mix, and compares each answer with what it knows. @module */

import { createClient } from "@supabase/supabase-js";
import { createSessionsClient, SessionsError } from "acontext-sessions-client";
import { type KnownSession, newKnownSession, problemOf } from "./known_session.ts";
import type { Operation } from "./questions.ts";
import type { Recorder } from "./recorder.ts";

export interface User {
  /** The first sessions. */
  begin(): Promise<void>;
  work(until: number): Promise<void>;
  /** Looks at everything that has to be there. */
  check(): Promise<void>;
}

/** In hundredths. Uploads and downloads take turns. */
const MIX: [number, "create" | "store" | "load" | "list" | "file" | "delete"][] = [
  [5, "create"],
  [45, "store"],
  [30, "load"],
  [10, "list"],
  [5, "file"],
  [5, "delete"],
];
const FIRST_SESSIONS = 3;
const FILENAME = "notes.txt";
const LIST_LIMIT = 200;

export function createUser(
  { apiUrl, publishableKey, maxRetryAfter, token, recorder }: {
    apiUrl: string;
    publishableKey: string;
    maxRetryAfter: number;
    token: string;
    recorder: Recorder;
  },
): User {
  let current: Operation = "list";
  const supabase = createClient(apiUrl, publishableKey, {
    accessToken: () => Promise.resolve(token),
    global: { fetch: recorder.fetchFor(() => current) },
  });
  const chat = createSessionsClient(supabase, { maxRetryAfter });
  const live: KnownSession[] = [];
  /** Sessions that were or may have been deleted, and those whose creation was not confirmed. */
  const doubtful = new Set<string>();
  let said = 0;

  /** Null when the call failed. */
  async function call<T>(operation: Operation, work: () => Promise<T>): Promise<T | null> {
    current = operation;
    const started = performance.now();
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof SessionsError)) throw error;
      recorder.failed(operation, error.code);
      return null;
    } finally {
      recorder.called(operation, performance.now() - started);
    }
  }

  async function create(): Promise<void> {
    const id = crypto.randomUUID();
    const made = await call("create", () => chat.sessions.create({ id, title: `Trip ${id}` }));
    if (made === null) doubtful.add(id);
    else if (made.id !== id) recorder.wrong("create: another id");
    else live.push(newKnownSession(id));
  }

  async function store(session: KnownSession): Promise<void> {
    const text = `${++said} ${crypto.randomUUID()} Where shall we stay in Lisbon? `.repeat(3);
    const message = { role: "user", content: text } as const;
    const stored = await call("store", () => chat.messages.store(session.id, message));
    if (stored === null) session.uncertain.add(text);
    else session.stored.push(text);
  }

  async function load(session: KnownSession): Promise<void> {
    const page = await call(
      "load",
      () => chat.messages.load<{ content: string }>(session.id, { editStrategies: [] }),
    );
    if (page === null) return;
    const problem = problemOf(session, page.messages.map(({ message }) => message.content));
    if (problem !== null) recorder.wrong(`load: ${problem}`);
  }

  async function list(): Promise<void> {
    const page = await call("list", () => chat.sessions.list({ limit: LIST_LIMIT }));
    if (page === null) return;
    const listed = new Set(page.sessions.map(({ id }) => id));
    if (live.some(({ id }) => !listed.has(id))) recorder.wrong("list: a session is missing");
    const known = new Set([...live.map(({ id }) => id), ...doubtful]);
    if ([...listed].some((id) => !known.has(id))) recorder.wrong("list: an unknown session");
  }

  async function upload(session: KnownSession): Promise<void> {
    const { id, file } = session;
    const content = crypto.randomUUID().repeat(30);
    file.push(content);
    const blob = new Blob([content], { type: "text/plain" });
    const done = await call("upload", () => chat.files.upload(id, blob, { filename: FILENAME }));
    if (done === null) return;
    session.hasFile = true;
    file.splice(0, file.length - 1);
  }

  async function download({ id, file }: KnownSession): Promise<void> {
    const blob = await call("download", () => chat.files.download(id, { filename: FILENAME }));
    if (blob !== null && !file.includes(await blob.text())) {
      recorder.wrong("download: another content");
    }
  }

  async function remove(session: KnownSession): Promise<void> {
    live.splice(live.indexOf(session), 1);
    doubtful.add(session.id);
    await call("delete", () => chat.sessions.delete(session.id));
  }

  async function step(): Promise<void> {
    const session = live[Math.floor(Math.random() * live.length)];
    const kind = draw();
    if (session === undefined || kind === "create") return await create();
    switch (kind) {
      case "store":
        return await store(session);
      case "load":
        return await load(session);
      case "list":
        return await list();
      case "file":
        return await (session.hasFile && Math.random() < 0.5 ? download : upload)(
          session,
        );
      case "delete":
        return await remove(session);
    }
  }

  return {
    async begin() {
      for (let i = 0; i < FIRST_SESSIONS; i++) await create();
    },
    async work(until) {
      while (performance.now() < until) await step();
    },
    async check() {
      await list();
      for (const session of live) {
        await load(session);
        if (session.hasFile) await download(session);
      }
    },
  };
}

function draw(): typeof MIX[number][1] {
  let at = Math.random() * 100;
  for (const [share, kind] of MIX) {
    at -= share;
    if (at < 0) return kind;
  }
  return "store";
}
