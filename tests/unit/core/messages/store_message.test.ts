import { assertEquals, assertRejects } from "@std/assert/mod.js";
import {
  AppError,
  type ErrorCode,
} from "../../../../supabase/functions/_acontext_sessions/core/errors.ts";
import type { NewMessage } from "../../../../supabase/functions/_acontext_sessions/core/messages/ports.ts";
import { storeMessage } from "../../../../supabase/functions/_acontext_sessions/core/messages/store_message.ts";
import { type MessageWorld, withMessageWorld } from "../../fakes/message_world.ts";

const STORE = "POST /session/:id/messages";
const LOAD = "GET /session/:id/messages";
const HI: NewMessage = {
  format: "openai",
  message: { role: "user", content: "hi" },
  meta: {},
  attachments: new Map(),
};

function store({ deps, key }: MessageWorld, keyHash: string | null, message = HI) {
  const bodyHash = JSON.stringify(message.message);
  return storeMessage(deps, {
    key,
    message,
    idempotency: keyHash === null ? null : { keyHash, bodyHash },
  });
}

async function assertCode(code: ErrorCode, work: () => Promise<unknown>): Promise<AppError> {
  const error = await assertRejects(work, AppError);
  assertEquals(error.code, code);
  return error;
}

function storedCount({ standIn }: MessageWorld): number | undefined {
  return standIn.control.audit().sessions[0]?.messages;
}

function assertCounts(world: MessageWorld, count: number): void {
  assertEquals([storedCount(world), world.sessions.messageCount], [count, count]);
}

Deno.test("storeMessage() refuses a message beyond the limit of a session, and names it", async () => {
  await withMessageWorld(async (world) => {
    world.sessions.beginMessage = () => Promise.resolve({ outcome: "full", limit: 2 });
    const error = await assertCode("session_full", () => store(world, null));
    assertEquals(
      error.message,
      "Cannot store the message: the limit of 2 messages in a session is reached",
    );
    assertEquals(storedCount(world), 0);
  });
});

Deno.test("storeMessage() sends nothing for a user who stores too often, and says when to come back", async () => {
  await withMessageWorld(async (world) => {
    world.sessions.waitMs = 1500;
    const error = await assertCode("rate_limited", () => store(world, null));
    assertEquals([error.status, error.retryAfterSeconds], [429, 2]);
    assertEquals([world.sessions.calls, storedCount(world)], [["beginMessage"], 0]);
  });
});

Deno.test("storeMessage() tells the database of every message what became of it", async () => {
  await withMessageWorld(async (world) => {
    assertEquals((await store(world, null)).created, true);
    assertEquals(world.sessions.calls, ["beginMessage", "settleMessage"]);
    const first = await store(world, "k");
    assertEquals(world.sessions.calls.slice(2), ["beginMessage", "settleMessage"]);
    assertEquals(await store(world, "k"), { created: false, message: first.message });
    assertEquals(world.sessions.calls.slice(4), ["beginMessage"]);
    assertCounts(world, 2);
  });
});

Deno.test("storeMessage() whose result cannot be written down is found by its mark", async () => {
  await withMessageWorld(async (world) => {
    world.sessions.failing = "settleMessage";
    const first = await store(world, "k");
    assertEquals([first.created, world.events()], [true, ["settle_message_failed"]]);
    world.sessions.failing = null;
    await assertCode("idempotency_busy", () => store(world, "k"));
    world.time.now += 60_000;
    assertEquals(await store(world, "k"), { created: false, message: first.message });
    assertCounts(world, 1);
  });
});

Deno.test("storeMessage() sends nothing when its lease is too old", async () => {
  await withMessageWorld(async (world) => {
    const { beginMessage } = world.sessions;
    world.sessions.beginMessage = async (...args) => {
      const begun = await beginMessage.apply(world.sessions, args);
      world.time.now += 20_001;
      return begun;
    };
    await assertCode("acontext_unavailable", () => store(world, "k"));
    world.sessions.beginMessage = beginMessage;
    assertCounts(world, 0);
    assertEquals((await store(world, "k")).created, true);
    assertCounts(world, 1);
  });
});

Deno.test("storeMessage() never stores twice, whichever answers are lost", async () => {
  const losses = [
    [{ route: STORE, times: 1, fault: { kind: "drop", when: "after" } }],
    [{ route: STORE, times: 1, fault: { kind: "drop", when: "before" } }],
    [
      { route: STORE, times: 1, fault: { kind: "drop", when: "after" } },
      { route: LOAD, times: 1, fault: { kind: "drop", when: "before" } },
    ],
    [
      { route: STORE, times: 1, fault: { kind: "status", status: 502, body: "bad gateway" } },
      { route: LOAD, times: 1, fault: { kind: "outage" } },
    ],
    [{ route: STORE, times: 1, fault: { kind: "status", status: 500 } }],
    [{ route: STORE, times: 2, fault: { kind: "drop", when: "before" } }],
    [{ route: STORE, times: 1, fault: { kind: "outage" } }],
    [{ route: STORE, times: 1, fault: { kind: "status", status: 503, body: "try later" } }],
    [{ route: STORE, times: 1, fault: { kind: "throttle", retryAfterSeconds: 1 } }],
  ] as const;
  for (const rules of losses) {
    await withMessageWorld(async (world) => {
      world.faults(...rules);
      for (let attempt = 0; attempt < 6; attempt++) {
        await store(world, "k").catch((error) => {
          if (!(error instanceof AppError)) throw error;
        });
        world.time.now += 30_000;
      }
      assertEquals((await store(world, "k")).created, false, JSON.stringify(rules));
      assertCounts(world, 1);
    });
  }
});

Deno.test("storeMessage() with a key that was purged does not take the old message for the new", async () => {
  await withMessageWorld(async (world) => {
    const old = await store(world, "k");
    world.sessions.keys.clear();
    world.faults({ route: STORE, times: 1, fault: { kind: "drop", when: "before" } });
    await assertCode("message_uncertain", () => store(world, "k"));
    world.time.now += 60_000;
    const fresh = await store(world, "k");
    assertEquals([fresh.created, fresh.message.id === old.message.id], [true, false]);
    assertCounts(world, 2);
  });
});

Deno.test("storeMessage() looks first after a failure that is not Acontext's own word", async () => {
  let lie = false;
  await withMessageWorld(async (world) => {
    lie = true;
    await assertCode("acontext_unavailable", () => store(world, "k"));
    assertEquals([storedCount(world), world.sessions.messageCount], [1, 0]);
    assertEquals((await store(world, "k")).created, false);
    assertCounts(world, 1);
  }, {
    // A gateway that loses the answer and says that it is busy.
    wrap: (fetch) => async (url, init) => {
      const answer = await fetch(url, init);
      if (!lie || init.method !== "POST") return answer;
      lie = false;
      await answer.body?.cancel();
      return new Response("busy", { status: 503 });
    },
  });
});

Deno.test("storeMessage() says when to try again as long as the fate is unknown", async () => {
  await withMessageWorld(async (world) => {
    world.faults({ route: STORE, fault: { kind: "drop", when: "before" } });
    const uncertain = await assertCode("message_uncertain", () => store(world, "k"));
    assertEquals(uncertain.retryAfterSeconds, 24);
    world.time.now += 10_000;
    const busy = await assertCode("idempotency_busy", () => store(world, "k"));
    assertEquals(busy.retryAfterSeconds, 14);
  });
});

Deno.test("storeMessage() frees a key whose message was refused, for another message", async () => {
  await withMessageWorld(async (world) => {
    world.faults({ route: STORE, times: 1, fault: { kind: "status", status: 400 } });
    await assertCode("message_rejected", () => store(world, "k"));
    const other: NewMessage = { ...HI, message: { role: "user", content: "better" } };
    assertEquals((await store(world, "k", other)).created, true);
    await assertCode("idempotency_mismatch", () => store(world, "k"));
    assertCounts(world, 1);
  });
});

for (
  const [outcome, code] of [
    ["not_found", "session_not_found"],
    ["provisioning", "session_not_ready"],
    ["deleting", "session_deleting"],
    ["expired", "session_expired"],
    ["unknown_user", "user_deleted"],
    ["banned", "user_banned"],
  ] as const
) {
  Deno.test(`storeMessage() sends nothing for a session that is ${outcome}`, async () => {
    await withMessageWorld(async (world) => {
      world.sessions.outcome = outcome;
      const sent = await world.requests(async () => {
        await assertCode(code, () => store(world, null));
        await assertCode(code, () => store(world, "k"));
      });
      assertEquals(sent, 0);
      assertCounts(world, 0);
    });
  });
}

Deno.test("storeMessage() blames no message for a doubtful answer", async () => {
  await withMessageWorld(async (world) => {
    const { deps, key } = world;
    const doubting = {
      ...deps,
      messages: { ...deps.messages, store: () => Promise.resolve({ kind: "doubtful" as const }) },
    };
    await assertCode(
      "acontext_unavailable",
      () => storeMessage(doubting, { key, message: HI, idempotency: null }),
    );
    assertCounts(world, 0);
  });
});
