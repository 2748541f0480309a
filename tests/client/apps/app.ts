/**
 * A small app, type checked against the packed client as an app's own compiler does, then run in Node and in a browser.
 *
 * @module
 */
import { createClient } from "@supabase/supabase-js";
import {
  createSessionsClient,
  type FileView,
  type Session,
  SessionsError,
} from "acontext-sessions-client";

/** What an app has that generated the types of its database. */
interface Database {
  public: {
    Tables: {
      notes: {
        Row: { id: string };
        Insert: { id: string };
        Update: { id?: string };
        Relationships: [];
      };
    };
    Views: Record<never, never>;
    Functions: Record<never, never>;
  };
}

/** As SDKs declare their messages. */
interface SdkMessage {
  role: "user" | "assistant";
  content: string | null;
  refusal?: string | null;
}

/** Plays a chat's whole life and answers what happened. */
export async function play(apiUrl: string, publishableKey: string): Promise<string[]> {
  const quiet = { auth: { persistSession: false, autoRefreshToken: false } };
  const supabase = createClient<Database>(apiUrl, publishableKey, quiet);
  const { error } = await supabase.auth.signInAnonymously();
  if (error) throw error;
  const { sessions, messages, files } = createSessionsClient(supabase, { retries: 1 });
  const happened: string[] = [];

  const session: Session = await sessions.create({ title: "Trip to Łódź", metadata: { n: 1 } });
  const { id } = session;
  const fromSdk: SdkMessage = { role: "assistant", content: "Hello" };
  await messages.store(id, fromSdk);
  await messages.store(id, { role: "user", content: [{ type: "text", text: "Hi" }] }, {
    format: "anthropic",
  });
  for await (const page of messages.pages<SdkMessage>(id, { limit: 1 })) {
    for (const { message } of page.messages) happened.push(message.role);
  }
  happened.push((await messages.tokens(id)) > 0 ? "counted" : "not counted");

  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  const name = "ä b+%.bin";
  const stored: FileView = await files.upload(id, new Blob([bytes], { type: "image/png" }), {
    filename: name,
    path: "/in/",
  });
  const content = await files.download(id, stored);
  const same = new Uint8Array(await content.arrayBuffer()).every((byte, i) => byte === bytes[i]);
  happened.push(same ? content.type : "damaged");

  await sessions.pin(id);
  for await (const page of sessions.pages({ search: "łÓ" })) {
    happened.push(...page.sessions.map(({ title, pinned }) => `${title} ${pinned}`));
  }
  happened.push(String((await sessions.setTtl(id, 3600)).ttl));
  const answer = await sessions.delete(id);
  happened.push(answer.deleted ? "deleted" : answer.status);
  try {
    await messages.load(id);
  } catch (error) {
    if (!(error instanceof SessionsError)) throw error;
    happened.push(`${error.code} ${error.status} ${typeof error.requestId}`);
  }
  return happened;
}

/** What the compiler has to refuse; never called. */
export async function mistakes(
  { sessions, messages, files }: ReturnType<typeof createSessionsClient>,
) {
  // @ts-expect-error: no such field
  await sessions.create({ name: "x" });
  // @ts-expect-error: seconds, no text
  await sessions.setTtl("id", "1 hour");
  // @ts-expect-error: not a role of OpenAI's
  await messages.store("id", { role: "model", content: "x" });
  // @ts-expect-error: not a role of Gemini's
  await messages.store("id", { role: "assistant", parts: [] }, { format: "gemini" });
  // @ts-expect-error: no such format
  await messages.load("id", { format: "yaml" });
  // @ts-expect-error: the name of the file is missing
  await files.url("id", { path: "/" });
  // @ts-expect-error: no such code
  if (new SessionsError({ code: "x", message: "", status: 0 }).code === "session_gone") return;
}
