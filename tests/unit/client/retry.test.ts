import { assert, assertEquals, assertRejects } from "@std/assert/mod.js";
import { createClient } from "@supabase/supabase-js";
import { createSessionsClient, type RetryOptions, SessionsError } from "acontext-sessions-client";
import { ERRORS } from "../../../supabase/functions/_acontext_sessions/core/errors.ts";
import { fakeTimers } from "../fakes/timers.ts";

interface Sent {
  method: string;
  url: string;
  headers: Headers;
  body: string;
}

type Reply = Response | "broken";

const id = "6f1f3a4c-6d7e-4b57-9c53-0d5f8f6f2b11";

function answer(status: number, body: unknown, headers: Record<string, string> = {}): Response {
  return Response.json(body, { status, headers: { "x-request-id": "r-1", ...headers } });
}

function failure(code: keyof typeof ERRORS, retryAfter?: number): Response {
  const { status, message } = ERRORS[code];
  const headers: Record<string, string> = {};
  if (retryAfter !== undefined) headers["retry-after"] = String(retryAfter);
  return answer(status, { code, message }, headers);
}

/** A client whose requests get these replies, in turn or at their time, in a time that only the test moves. */
async function scripted(
  replies: Reply[] | ((now: number) => Reply),
  test: (world: {
    chat: ReturnType<typeof createSessionsClient>;
    sent: Sent[];
    /** Milliseconds from the first request to each. */
    times: number[];
    /** Lets time pass until `work` has ended. */
    through<T>(work: Promise<T>): Promise<T>;
  }) => Promise<void>,
  retry: RetryOptions = {},
): Promise<void> {
  using timers = fakeTimers();
  const sent: Sent[] = [];
  const times: number[] = [];
  const supabase = createClient("http://project.test", "sb_publishable_x", {
    auth: { persistSession: false, autoRefreshToken: false },
    global: {
      async fetch(input, init) {
        const request = new Request(input, init);
        const body = await request.text();
        sent.push({ method: request.method, url: request.url, headers: request.headers, body });
        times.push(timers.now());
        const reply = Array.isArray(replies) ? replies.shift() : replies(timers.now());
        if (reply === undefined || reply === "broken") throw new TypeError("connection refused");
        return reply;
      },
    },
  });
  await test({ chat: createSessionsClient(supabase, retry), sent, times, through: timers.through });
}

const stored = { id, createdAt: "2026-01-01T00:00:00Z" };
const hello = { role: "user", content: "hello" } as const;

Deno.test("store() sends the same message with the same key until it is stored", () =>
  scripted(["broken", failure("idempotency_busy", 1), answer(200, stored)], async (world) => {
    assertEquals(await world.through(world.chat.messages.store(id, hello)), stored);
    const keys = world.sent.map(({ headers }) => headers.get("idempotency-key"));
    assertEquals(world.sent.length, 3);
    assert(keys[0]);
    assertEquals(new Set(keys).size, 1);
    assertEquals(new Set(world.sent.map(({ body }) => body)).size, 1);
  }));

Deno.test("two calls of store() have two keys", () =>
  scripted([answer(201, stored), answer(201, stored)], async ({ chat, sent, through }) => {
    await through(chat.messages.store(id, hello));
    await through(chat.messages.store(id, hello));
    assertEquals(new Set(sent.map(({ headers }) => headers.get("idempotency-key"))).size, 2);
  }));

Deno.test("create() repeats its own id", () =>
  scripted(["broken", failure("acontext_unavailable", 5), answer(201, { id })], async (world) => {
    await world.through(world.chat.sessions.create({ title: "a" }));
    const ids = world.sent.map(({ body }) => JSON.parse(body).id);
    assertEquals([ids.length, new Set(ids).size], [3, 1]);
  }));

Deno.test("a call waits as long as Retry-After asks", () =>
  scripted([failure("session_busy", 7), answer(200, { id })], async ({ chat, times, through }) => {
    await through(chat.sessions.getOrCreate(id));
    const [, second = 0] = times;
    assert(second >= 7_000 && second < 7_500, String(second));
  }));

Deno.test("what a user does too often is done after the wait, however it is said", async () => {
  const refusal = (retryAfter: string) =>
    Response.json({ message: "slow down" }, {
      status: 429,
      headers: { "retry-after": retryAfter },
    });
  for (
    const reply of [
      () => failure("rate_limited", 7),
      () => refusal("7"),
      // The date has no fractions, and time goes on until it is read.
      () => refusal(new Date(Date.now() + 9_000).toUTCString()),
    ]
  ) {
    let first = true;
    const replies = () => {
      const refused = first;
      first = false;
      return refused ? reply() : answer(200, stored);
    };
    await scripted(replies, async ({ chat, times, through }) => {
      assertEquals(await through(chat.messages.store(id, hello)), stored);
      const [, second = 0] = times;
      assert(second >= 7_000 && second < 20_000, String(second));
    });
  }
});

/** What a user may do within a minute, as the database counts it. */
function limited(perMinute: number, success: () => Response): (now: number) => Response {
  const cost = 60_000 / perMinute;
  let spentUntil = 0;
  return (now) => {
    const after = Math.max(spentUntil, now) + cost;
    if (after > now + 60_000) return failure("rate_limited", Math.ceil((after - now) / 1000) - 60);
    spentUntil = after;
    return success();
  };
}

Deno.test("half as many sessions again as a minute allows are made by as many calls at once", () =>
  scripted(limited(30, () => answer(201, { id })), async ({ chat, times, through }) => {
    const calls = Array.from({ length: 45 }, () => chat.sessions.create());
    assertEquals((await through(Promise.all(calls))).length, 45);
    assert(Math.max(...times) < 120_000);
    assert(times.length < 180, `${times.length} requests`);
  }));

Deno.test("and a third more are deleted", () =>
  scripted(limited(120, () => answer(200, { deleted: true })), async ({ chat, through }) => {
    const calls = Array.from({ length: 160 }, () => chat.sessions.delete(id));
    assertEquals((await through(Promise.all(calls))).length, 160);
  }));

Deno.test("a call that is refused for its pace is given up after two minutes of waits", () =>
  scripted(() => failure("rate_limited", 20), async ({ chat, times, through }) => {
    const call = chat.sessions.create();
    const error = await assertRejects(() => through(call), SessionsError);
    assertEquals(error.code, "rate_limited");
    const last = times.at(-1) ?? 0;
    assert(last > 60_000 && last <= 120_000, String(last));
  }));

Deno.test("what else passes is repeated three times", () =>
  scripted([], async ({ chat, sent, through }) => {
    const call = chat.messages.load(id);
    await assertRejects(() => through(call), SessionsError);
    assertEquals(sent.length, 4);
  }));

Deno.test("who goes on too often is told so after so many repeats", () =>
  scripted(
    [1, 2, 3].map((seconds) => failure("rate_limited", seconds)),
    async ({ chat, sent, through }) => {
      const call = chat.sessions.delete(id);
      const error = await assertRejects(() => through(call), SessionsError);
      assertEquals([error.code, error.status, error.retryAfter], ["rate_limited", 429, 3]);
      assertEquals(sent.length, 3);
    },
    { retries: 2 },
  ));

Deno.test("a call that would have to wait too long fails at once, with the wait", () =>
  scripted([failure("message_uncertain", 60)], async ({ chat, sent, through }) => {
    const call = chat.messages.store(id, hello, { idempotencyKey: "k" });
    const error = await assertRejects(() => through(call), SessionsError);
    assertEquals(
      [error.code, error.status, error.retryAfter, error.requestId, error.idempotencyKey],
      ["message_uncertain", 503, 60, "r-1", "k"],
    );
    assertEquals(sent.length, 1);
  }));

Deno.test("a call gives up after so many repeats", () =>
  scripted([], async ({ chat, sent, through }) => {
    const error = await assertRejects(() => through(chat.messages.load(id)), SessionsError);
    assertEquals([error.code, error.status, error.requestId], ["network_error", 0, null]);
    assertEquals(sent.length, 3);
  }, { retries: 2 }));

Deno.test("what will not pass is not repeated", async () => {
  const replies = [
    failure("session_not_found"),
    failure("quota_exceeded"),
    failure("message_rejected"),
    failure("acontext_inconsistent"),
    failure("file_content_lost"),
    failure("internal"),
    answer(200, { totalTokens: 1 }),
  ];
  for (const reply of replies) {
    await scripted([reply], async ({ chat, sent, through }) => {
      await through(chat.messages.tokens(id)).catch(() => {});
      assertEquals(sent.length, 1);
    });
  }
});

Deno.test("restore() is sent once", () =>
  scripted(["broken"], async ({ chat, sent, through }) => {
    await assertRejects(() => through(chat.sessions.restore(id)), SessionsError);
    assertEquals(sent.length, 1);
  }));

Deno.test("delete() whose first answer was lost is not mistaken for one that found nothing", async () => {
  await scripted(["broken", failure("session_not_found")], async ({ chat, through }) => {
    assertEquals(await through(chat.sessions.delete(id)), { deleted: true });
  });
  await scripted([failure("session_not_found")], async ({ chat, through }) => {
    const error = await assertRejects(() => through(chat.sessions.delete(id)), SessionsError);
    assertEquals(error.code, "session_not_found");
  });
});

Deno.test("the platform's own answers are told from ours", async () => {
  const gateway = (status: number) =>
    Response.json({ code: "BOOT_ERROR", message: "m" }, { status });
  const answers = [gateway(503), gateway(504), gateway(546), answer(200, { totalTokens: 1 })];
  await scripted(answers, async (world) => {
    assertEquals(await world.through(world.chat.messages.tokens(id)), 1);
  });
  const cases = [[401, "unauthorized"], [400, "unexpected_answer"]] as const;
  for (const [status, code] of cases) {
    await scripted([gateway(status)], async ({ chat, through }) => {
      const call = chat.messages.tokens(id);
      const error = await assertRejects(() => through(call), SessionsError);
      assertEquals([error.code, error.status], [code, status]);
      assertEquals(error.message, "Cannot use the answer: the platform said BOOT_ERROR, m");
    });
  }
  const page = new Response("<h1>Bad gateway</h1>", { status: 502 });
  await scripted([page, answer(200, { totalTokens: 1 })], async ({ chat, through }) => {
    assertEquals(await through(chat.messages.tokens(id)), 1);
  });
});

Deno.test("what would fail again is not sent again", async () => {
  await scripted([failure("database_refused")], async ({ chat, sent, through }) => {
    const call = chat.messages.store(id, { role: "user", content: "x" });
    const error = await assertRejects(() => through(call), SessionsError);
    assertEquals([error.code, error.retryAfter, sent.length], ["database_refused", null, 1]);
  });
  const overflow = answer(500, { code: "54001", message: "stack depth limit exceeded" });
  await scripted([overflow], async ({ chat, sent, through }) => {
    const error = await assertRejects(() => through(chat.sessions.list()), SessionsError);
    assertEquals([error.code, error.retryAfter, sent.length], ["database_refused", null, 1]);
  });
});

Deno.test("reads and changes of the table are repeated while the database is away", () =>
  scripted(
    ["broken", answer(503, { code: "PGRST001", message: "no connection" }), answer(200, [])],
    async ({ chat, sent, through }) => {
      assertEquals(await through(chat.sessions.list()), { sessions: [], nextCursor: null });
      assertEquals(sent.length, 3);
    },
  ));

Deno.test("an abort ends the wait between two tries", () =>
  scripted([failure("session_busy", 20)], async ({ chat, sent, through }) => {
    const controller = new AbortController();
    const call = chat.sessions.getOrCreate(id, {}, { signal: controller.signal });
    call.catch(() => {});
    setTimeout(() => controller.abort(new Error("enough")), 1_000);
    const error = await assertRejects(() => through(call), Error);
    assertEquals([error.message, sent.length], ["enough", 1]);
  }));

Deno.test("an answer that is JSON but not ours is a SessionsError, too", () =>
  scripted([Response.json(null, { status: 500 })], async ({ chat, through }) => {
    const error = await assertRejects(() => through(chat.messages.tokens(id)), SessionsError);
    assertEquals([error.code, error.status], ["unexpected_answer", 500]);
  }));
