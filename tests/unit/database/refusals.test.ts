import { assert, assertEquals, assertRejects } from "@std/assert/mod.js";
import { createClient } from "@supabase/supabase-js";
import { toError } from "../../../client/src/rows.ts";
import {
  AppError,
  describeError,
} from "../../../supabase/functions/_acontext_sessions/core/errors.ts";
import type { Database } from "../../../supabase/functions/_acontext_sessions/database/database.types.ts";
import { createMessageStore } from "../../../supabase/functions/_acontext_sessions/database/messages.ts";

type Reply = Response | Error;

/** The error of a database call that is answered like this. */
async function failureOf(reply: Reply): Promise<AppError> {
  const client = createClient<Database>("http://x.test", "key", {
    auth: { persistSession: false, autoRefreshToken: false },
    global: {
      fetch: () => reply instanceof Error ? Promise.reject(reply) : Promise.resolve(reply),
    },
  });
  return await assertRejects(() => createMessageStore(client).noteWrite("s"), AppError);
}

function failing(status: number, code?: string): Response {
  const message = "hunter2";
  return Response.json({ message, ...(code === undefined ? {} : { code }) }, { status });
}

/** With the status that PostgREST gives to each. */
const PASS: [what: string, status: number, code?: string][] = [
  ["a connection that broke", 503, "08006"],
  ["a deadlock", 500, "40P01"],
  ["a transaction that could not be serialized", 500, "40001"],
  ["too many connections", 503, "53300"],
  ["no memory", 503, "53200"],
  ["a statement that took too long", 500, "57014"],
  ["a database that is shut down", 503, "57P01"],
  ["a database that starts", 503, "57P03"],
  ["a lock that was not had in time", 500, "55P03"],
  ["a database that is read-only for a while", 405, "25006"],
  ["PostgREST without a connection", 503, "PGRST000"],
  ["PostgREST that lost its connection", 503, "PGRST001"],
  ["PostgREST without its schema", 503, "PGRST002"],
  ["PostgREST without a free connection", 504, "PGRST003"],
  ["a function that raises PT503", 503, "PT503"],
  ["a function that raises PT429", 429, "PT429"],
  ["a gateway without its server", 502],
  ["a gateway that limits", 429],
  ["Cloudflare without an answer", 522],
];

const REFUSED: typeof PASS = [
  ["a number out of range", 400, "22003"],
  ["a time out of range", 400, "22008"],
  ["text that is none", 400, "22P05"],
  ["a missing value", 400, "23502"],
  ["a broken reference", 409, "23503"],
  ["a duplicate", 409, "23505"],
  ["a broken constraint", 400, "23514"],
  ["a missing column", 400, "42703"],
  ["a missing function", 404, "42883"],
  ["a missing table", 404, "42P01"],
  ["a missing right", 403, "42501"],
  ["an update of all rows", 400, "21000"],
  ["a transaction that is over", 500, "25P02"],
  ["a statement that is too complex", 500, "54001"],
  ["an object in the wrong state", 500, "55000"],
  ["a broken file", 500, "58030"],
  ["a broken index", 500, "XX002"],
  ["an app's trigger", 400, "P0001"],
  ["an app's own code", 500, "ZZ999"],
  ["a function that raises PT404", 404, "PT404"],
  ["a function that PostgREST does not know", 404, "PGRST202"],
  ["a key that PostgREST does not take", 401, "PGRST301"],
  ["a gateway that does not take the key", 401],
];

const OUTCOMES = [[PASS, "database_unavailable"], [REFUSED, "database_refused"]] as const;

for (const [cases, expected] of OUTCOMES) {
  for (const [what, status, code] of cases) {
    Deno.test(`${what} (${status} ${code ?? "without a code"}) is ${expected}`, async () => {
      const error = await failureOf(failing(status, code));
      assertEquals([error.code, error.retryAfterSeconds !== null], [
        expected,
        expected === "database_unavailable",
      ]);
      assertEquals(
        describeError(error).errorCode,
        `acontext_note_write:${code ?? `http_${status}`}`,
      );
      assert(!JSON.stringify([error.message, error.hint]).includes("hunter2"));
    });
  }
}

Deno.test("the client repeats what the functions call passing, and nothing else", () => {
  for (const [cases, expected] of OUTCOMES) {
    for (const [what, status, code] of cases) {
      const error = toError({ message: "x", ...(code === undefined ? {} : { code }) }, status);
      const passes = expected === "database_unavailable";
      assertEquals([error.code === "database_unavailable", error.retryAfter !== null], [
        passes,
        passes,
      ], what);
      // A fault of the database's is not called one of the caller's.
      if (!passes && status >= 500) assertEquals(error.code, "database_refused", what);
    }
  }
});

Deno.test("a call without an answer is database_unavailable, for whatever reason", async () => {
  const lost = [
    new TypeError("fetch failed"),
    new DOMException("aborted", "AbortError"),
    new DOMException("timed out", "TimeoutError"),
    Object.assign(new TypeError("fetch failed"), {
      cause: Object.assign(new Error("x"), { code: "ECONNREFUSED" }),
    }),
  ];
  for (const reason of lost) {
    const error = await failureOf(reason);
    assertEquals(error.code, "database_unavailable");
    assertEquals(describeError(error).errorCode, "acontext_note_write:no_answer");
  }
});

Deno.test("an answer that breaks off is database_unavailable", async () => {
  const broken = new ReadableStream({
    start(controller) {
      controller.error(new TypeError("connection reset"));
    },
  });
  assertEquals((await failureOf(new Response(broken))).code, "database_unavailable");
});

Deno.test("an error without words is still an error", async () => {
  for (const body of ["null", "", "<html>"]) {
    assertEquals(
      (await failureOf(new Response(body, { status: 500 }))).code,
      "database_unavailable",
    );
  }
});

Deno.test("an answer of another shape is database_refused: the next would be the same", async () => {
  const error = await failureOf(new Response("<html>", { status: 200 }));
  assertEquals(error.code, "database_refused");
});
