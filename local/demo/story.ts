/**
 * The story that the demo plays.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { AcontextClient } from "@acontext/acontext";
import { createClient } from "@supabase/supabase-js";
import { z } from "zod";
import type { ControlClient } from "../acontext/control.ts";
import type { DemoStack } from "../demo.ts";
import type { Database } from "./database.ts";

const sessionSchema = z.object({
  id: z.string(),
  acontextSessionId: z.string(),
  acontextDiskId: z.string(),
});
type Session = z.infer<typeof sessionSchema>;

/** Fast enough to watch; the stand-in for pg_cron knows seconds as the real one of a hosted project does. */
const DEMO_SCHEDULE = "2 seconds";
const NEVER = "0 0 1 1 *";
const PATIENCE_MS = 20_000;

export interface Stage {
  stack: DemoStack;
  database: Database;
  control: ControlClient;
  say: (line: string) => void;
  /** Ends the story early; what it changed is changed back. */
  signal: AbortSignal;
}

/** Plays the story. `made` receives the id of each session, however the story ends. */
export async function play(stage: Stage, made: string[]): Promise<void> {
  const { stack, database, control, signal } = stage;
  const say = (line: string) => {
    signal.throwIfAborted();
    stage.say(line);
  };
  const until = (holds: () => Promise<boolean>, what: string) => waitFor(holds, { what, signal });
  const before = await database.configure({ cleanup_schedule: NEVER, retry_schedule: NEVER });
  try {
    say("1. Two people sign in and start conversations");
    const ada = await signIn(stack, "Ada");
    const ben = await signIn(stack, "Ben");
    const sessions: Session[] = [];
    for (const title of ["Trip to Lisbon", "Tax questions", "A poem", "Recipe ideas"]) {
      sessions.push((await ada.create({ title })).session);
    }
    for (const title of ["Bug hunt", "Gift list"]) {
      sessions.push((await ben.create({ title })).session);
    }
    const id = crypto.randomUUID();
    const first = await ben.create({ id, title: "Sent twice" });
    const second = await ben.create({ id, title: "Sent twice" });
    sessions.push(first.session);
    made.push(...sessions.map((session) => session.id));
    say(`   ${sessions.length} sessions: Ada has 4, Ben 3`);
    say(
      `   one request was sent twice with the client's own id: ${first.status}, then ${second.status}, ` +
        `${
          first.session.acontextDiskId === second.session.acontextDiskId ? "the same" : "ANOTHER"
        } disk`,
    );

    say("2. Messages and files go to Acontext");
    for (const session of sessions) await talk(stack, session);
    const filled = await control.audit();
    say(
      `   Acontext holds ${filled.sessions.length} sessions, ${filled.disks.length} disks, ` +
        `${filled.disks.reduce((files, disk) => files + disk.artifacts, 0)} files`,
    );

    const [deleted, failing, ...rest] = sessions;
    const [pinned, fresh, ...expiring] = rest.toReversed();
    if (!deleted || !failing || !pinned || !fresh) {
      throw new Error("Cannot go on: too few sessions");
    }

    say("3. Ada deletes a conversation");
    const answer = await ada.remove(deleted.id);
    say(`   ${answer.status} ${answer.text}: the row, the session and the disk are gone`);

    say("4. A month goes by. Ben has pinned one conversation and used another today");
    await ben.pin(pinned.id);
    const aged = [failing, ...expiring];
    await database.age([pinned, ...aged].map((session) => session.id));

    say("5. Acontext has a bad moment with one of them, and the nightly job comes");
    await control.setFaults([{
      route: "DELETE /disk/:id",
      match: failing.acontextDiskId,
      times: 1,
      fault: { kind: "status", status: 500 },
    }]);
    const night = await database.now();
    await database.configure({ cleanup_schedule: DEMO_SCHEDULE });
    await until(async () => await database.scheduledRuns("schedule", night) > 0, "the nightly job");
    await until(async () => await database.failureOf(failing.id) !== null, "the failure's report");
    await database.configure({ cleanup_schedule: NEVER });
    const gone = await database.receipts(aged.map((session) => session.id));
    say(
      `   pg_cron → pg_net → cleanup-sessions: ${gone.length} of ${aged.length} expired sessions ` +
        `are gone, one backs off (${await database.failureOf(failing.id)})`,
    );

    say("6. The retry job takes it up (it would wait half a minute; the demo makes it due now)");
    const retry = await database.now();
    await database.hurry(failing.id);
    await database.configure({ retry_schedule: DEMO_SCHEDULE });
    await until(async () => (await database.receipts([failing.id])).length > 0, "the retry");
    await until(
      async () => await database.scheduledRuns("retry", retry) > 0,
      "the retry job's end",
    );
    say("   gone as well: only the disk was left to do, the session was not deleted twice");

    say("7. What is in Acontext is compared with what is in the database");
    const left = await control.audit();
    say(`   Acontext holds ${left.sessions.length} sessions, ${left.disks.length} disks`);
  } finally {
    await control.clearFaults();
    await database.configure(before);
  }
}

/** An anonymous user with a supabase-js client of its own. */
async function signIn(stack: DemoStack, name: string) {
  const supabase = createClient(stack.apiUrl, stack.publishableKey, {
    auth: { persistSession: false, autoRefreshToken: false },
  });
  const { data, error } = await supabase.auth.signInAnonymously({ options: { data: { name } } });
  if (error || !data.session) throw new Error(`Cannot sign ${name} in: ${error?.message}`);
  const authorization = `Bearer ${data.session.access_token}`;

  async function call(method: string, path: string, body?: unknown) {
    const response = await fetch(`${stack.apiUrl}/functions/v1/${path}`, {
      method,
      headers: { authorization, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`Cannot ${method} ${path}: ${response.status} ${text}`);
    return { status: response.status, text };
  }

  return {
    async create(body: { id?: string; title: string }) {
      const { status, text } = await call("POST", "create-session", body);
      return { status, session: sessionSchema.parse(JSON.parse(text)) };
    },
    remove: (id: string) => call("DELETE", `delete-session/${id}`),
    async pin(id: string) {
      const { error } = await supabase.from("session_mappings").update({ pinned: true }).eq(
        "id",
        id,
      );
      if (error) throw new Error(`Cannot pin: ${error.message}`);
    },
  };
}

async function talk(stack: DemoStack, session: Session): Promise<void> {
  const acontext = new AcontextClient({
    apiKey: stack.acontext.apiKey,
    baseUrl: stack.acontext.baseUrl,
    userAgent: "acontext-sessions-demo",
    timeout: 10_000,
  });
  await acontext.sessions.storeMessage(session.acontextSessionId, {
    role: "user",
    content: "Hello!",
  }, { format: "openai" });
  await acontext.artifacts.upsert(session.acontextDiskId, {
    file: ["notes.txt", Buffer.from("Remember the milk"), "text/plain"],
    filePath: "/notes/",
  });
}

/** Waits for what other processes do. */
async function waitFor(
  holds: () => Promise<boolean>,
  { what, signal }: { what: string; signal: AbortSignal },
): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!await holds()) {
    signal.throwIfAborted();
    if (performance.now() > deadline) throw new Error(`Cannot go on: ${what} did not come`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
