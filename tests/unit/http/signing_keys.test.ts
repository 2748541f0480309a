import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert/mod.js";
import { AppError } from "../../../supabase/functions/_acontext_sessions/core/errors.ts";
import {
  createKeyLookup,
  type KeyLookup,
} from "../../../supabase/functions/_acontext_sessions/http/signing_keys.ts";

const URL_OF_KEYS = new URL("https://abc.supabase.co/auth/v1/.well-known/jwks.json");
const SECOND = 1_000;
const MINUTE = 60 * SECOND;

interface Project {
  lookUp: KeyLookup;
  /** How often it was asked. */
  asked: number;
  /** Milliseconds. */
  now: number;
  /** What it answers from now on. */
  answer: () => Response | Promise<Response>;
  publish(...kids: string[]): void;
}

function project(...kids: string[]): Project {
  const answerOf = (kids: string[]) => () =>
    Response.json({ keys: kids.map((kid) => ({ kty: "EC", kid })) });
  const made: Project = {
    asked: 0,
    now: 0,
    answer: answerOf(kids),
    publish: (...kids) => made.answer = answerOf(kids),
    lookUp: createKeyLookup(URL_OF_KEYS, {
      now: () => made.now,
      fetch: async (url, { redirect, signal }) => {
        made.asked++;
        assertEquals([url, redirect], [URL_OF_KEYS, "error"]);
        // Else a project that never answers would keep every caller.
        assertInstanceOf(signal, AbortSignal);
        return await made.answer();
      },
    }),
  };
  return made;
}

async function found(lookUp: KeyLookup, kid: string): Promise<boolean> {
  return (await lookUp(kid)).keys.some((key) => key["kid"] === kid);
}

async function fails(lookUp: KeyLookup, kid: string): Promise<void> {
  const error = await assertRejects(() => lookUp(kid), AppError);
  assertEquals(error.code, "auth_unavailable");
}

Deno.test("a key is asked for once and then known", async () => {
  const it = project("new");
  assertEquals([await found(it.lookUp, "new"), await found(it.lookUp, "new")], [true, true]);
  assertEquals(it.asked, 1);
});

Deno.test("callers who come at once share one request", async () => {
  const it = project();
  const { promise, resolve } = Promise.withResolvers<Response>();
  it.answer = () => promise;
  const callers = Array.from({ length: 100 }, (_, i) => found(it.lookUp, i === 0 ? "new" : `${i}`));
  resolve(Response.json({ keys: [{ kty: "EC", kid: "new" }] }));
  assertEquals((await Promise.all(callers)).filter((known) => known).length, 1);
  assertEquals(it.asked, 1);
});

Deno.test("keys that do not exist are asked for at most twice a minute, however many are named", async () => {
  const it = project("old");
  for (it.now = 0; it.now < 10 * MINUTE; it.now += SECOND) {
    assertEquals(await found(it.lookUp, `forged ${it.now}`), false);
  }
  assertEquals(it.asked, 20);
});

Deno.test("a key that was made meanwhile is found after the pause", async () => {
  const it = project("old");
  assertEquals(await found(it.lookUp, "new"), false);
  it.publish("old", "new");
  it.now = 30 * SECOND - 1;
  assertEquals(await found(it.lookUp, "new"), false);
  it.now = 30 * SECOND;
  assertEquals(await found(it.lookUp, "new"), true);
});

Deno.test("a key that was revoked is no longer known after ten minutes", async () => {
  const it = project("new");
  assertEquals(await found(it.lookUp, "new"), true);
  it.publish("newer");
  it.now = 10 * MINUTE - 1;
  assertEquals(await found(it.lookUp, "new"), true);
  it.now = 10 * MINUTE;
  assertEquals([await found(it.lookUp, "new"), it.asked], [false, 2]);
});

Deno.test("a project that does not tell its keys is asked again after five seconds", async () => {
  const broken: (() => Response | Promise<Response>)[] = [
    () => Promise.reject(new TypeError("refused")),
    () => {
      throw new TypeError("refused");
    },
    () => Response.json({ keys: [{ kty: "EC", kid: "new" }] }, { status: 503 }),
    () => new Response("<html>"),
    () => Response.json([]),
  ];
  for (const answer of broken) {
    const it = project();
    it.answer = answer;
    await fails(it.lookUp, "new");
    it.now = 5 * SECOND - 1;
    await fails(it.lookUp, "new");
    assertEquals(it.asked, 1);
    it.publish("new");
    it.now = 5 * SECOND;
    assertEquals(await found(it.lookUp, "new"), true);
  }
});

Deno.test("a failure makes no key unknown", async () => {
  const it = project("new");
  assertEquals(await found(it.lookUp, "new"), true);
  it.answer = () => Promise.reject(new TypeError("refused"));
  it.now = MINUTE;
  await fails(it.lookUp, "newer");
  assertEquals([await found(it.lookUp, "new"), it.asked], [true, 2]);
});
