import { assert, assertEquals } from "@std/assert/mod.js";
import { type Conversation, converse, textsOf } from "./support/conversations.ts";
import { eventually } from "../support/eventually.ts";
import { type Answer, assertRefused } from "./support/functions.ts";
import { integrationTest, type World } from "./support/world.ts";

const STORE = "POST /session/:id/messages";
const LOAD = "GET /session/:id/messages";

async function countOf(world: World, id: string): Promise<number | undefined> {
  const [row] = await world.database.sql<{ count: number }[]>`
    select message_count as count from public.session_mappings where id = ${id}`;
  return row?.count;
}

/** Ends the leases of all keys, as the passing of time does. */
async function endLeases(world: World): Promise<void> {
  await world.database.sql`
    update acontext_sessions.message_keys set leased_until = acontext_sessions.clock() where message_id is null`;
}

async function assertStored(world: World, chat: Conversation, texts: string[]): Promise<void> {
  assertEquals(textsOf(await chat.page({ editStrategies: "[]" })), texts);
  assertEquals(await countOf(world, chat.id), texts.length);
}

function retryAfter(answer: Answer): number {
  return Number(answer.headers.get("retry-after"));
}

integrationTest("the same key stores once and answers the same", async (world) => {
  const { chat } = await converse(world);
  const first = await chat.say("once", "k");
  const again = await chat.say("once", "k");
  assertEquals([first.status, again.status], [201, 200]);
  // The same moment; Acontext and the database write its zone in two ways.
  const bodyOf = ({ body }: Answer) => JSON.stringify(body).replace("+00:00", "Z");
  assertEquals(bodyOf(again), bodyOf(first));
  assertRefused(await chat.say("another", "k"), 422, "idempotency_mismatch");
  await chat.said("another", "k2");
  await assertStored(world, chat, ["once", "another"]);
});

integrationTest("a key counts within its session only", async (world) => {
  const one = await converse(world);
  const two = await converse(world);
  await one.chat.said("x", "k");
  await two.chat.said("y", "k");
  await assertStored(world, one.chat, ["x"]);
  await assertStored(world, two.chat, ["y"]);
});

integrationTest("of twenty calls with one key at once, one stores", async (world) => {
  const { chat } = await converse(world);
  const answers = await Promise.all(Array.from({ length: 20 }, () => chat.say("race", "k")));
  assertEquals(answers.filter(({ status }) => status === 201).length, 1);
  for (const answer of answers.filter(({ status }) => status >= 300)) {
    assertRefused(answer, 409, "idempotency_busy");
    assert(retryAfter(answer) >= 1);
  }
  assertEquals((await chat.say("race", "k")).status, 200);
  await assertStored(world, chat, ["race"]);
});

for (const fault of [{ kind: "drop", when: "after" }, { kind: "stall" }] as const) {
  integrationTest(`a lost answer (${fault.kind}) is found again at once`, async (world) => {
    const { chat } = await converse(world);
    const answer = await world.remote.withFaults(
      [{ route: STORE, times: 1, fault }],
      () => chat.say("hello", "k"),
    );
    assertEquals(answer.status, 201);
    assertEquals((await chat.say("hello", "k")).status, 200);
    await assertStored(world, chat, ["hello"]);
  });
}

integrationTest("a message of unknown fate is looked for before it is stored", async (world) => {
  const { chat } = await converse(world);
  await chat.said("before");
  await world.remote.withFaults([
    { route: STORE, times: 1, fault: { kind: "drop", when: "after" } },
    { route: LOAD, fault: { kind: "outage" } },
  ], async () => {
    const lost = await chat.say("hello", "k");
    assertRefused(lost, 503, "message_uncertain");
    assert(retryAfter(lost) >= 10);
    const early = await chat.say("hello", "k");
    assertRefused(early, 409, "idempotency_busy");
    assert(retryAfter(early) >= 10);
    assertRefused(await chat.say("other", "k"), 422, "idempotency_mismatch");
    await endLeases(world);
    assertRefused(await chat.say("hello", "k"), 503, "acontext_unavailable");
  });
  await chat.said("after");
  assertEquals((await chat.say("hello", "k")).status, 200);
  assertEquals((await chat.say("hello", "k")).status, 200);
  await assertStored(world, chat, ["before", "hello", "after"]);
});

integrationTest("a message that never arrived is stored by the repeated call", async (world) => {
  const { chat } = await converse(world);
  const lost = await world.remote.withFaults(
    [{ route: STORE, times: 1, fault: { kind: "drop", when: "before" } }],
    () => chat.say("hello", "k"),
  );
  assertRefused(lost, 503, "message_uncertain");
  await endLeases(world);
  const answers = await Promise.all(Array.from({ length: 5 }, () => chat.say("hello", "k")));
  assertEquals(answers.filter(({ status }) => status === 201).length, 1);
  await assertStored(world, chat, ["hello"]);
});

integrationTest("a message that lands late is found, not stored again", async (world) => {
  const { chat } = await converse(world);
  await world.remote.withFaults(
    [{ route: STORE, times: 1, fault: { kind: "late", ms: 200 } }],
    async () => {
      assertRefused(await chat.say("hello", "k"), 503, "message_uncertain");
      await eventually("it has landed", async () => (await chat.page()).messages.length === 1);
    },
  );
  assertRefused(await chat.say("hello", "k"), 409, "idempotency_busy");
  await endLeases(world);
  assertEquals((await chat.say("hello", "k")).status, 200);
  await assertStored(world, chat, ["hello"]);
});

integrationTest("a message is found behind more than a page of newer ones", async (world) => {
  const { chat } = await converse(world);
  await world.remote.withFaults([
    { route: STORE, times: 1, fault: { kind: "drop", when: "after" } },
    { route: LOAD, fault: { kind: "outage" } },
  ], async () => assertRefused(await chat.say("hello", "k"), 503, "message_uncertain"));
  for (let index = 0; index < 205; index++) await chat.said(`${index}`);
  await endLeases(world);
  const calls = await world.remote.callsOf(async () => {
    assertEquals((await chat.say("hello", "k")).status, 200);
  });
  assertEquals(calls, { [LOAD]: 1 }, "the oldest page has it");
});

integrationTest("a killed function leaves a key that a repeated call resolves", async (world) => {
  const { session, chat } = await converse(world);
  // What a function leaves behind that dies after Acontext stored the message, and one that dies before.
  assertEquals((await chat.say("stored", "a")).status, 201);
  await world.database.sql`
    update acontext_sessions.message_keys set message_id = null, message_created_at = null
    where session_id = ${session.id}`;
  assertRefused(await chat.say("stored", "a"), 409, "idempotency_busy");
  await endLeases(world);
  assertEquals((await chat.say("stored", "a")).status, 200);
  await assertStored(world, chat, ["stored"]);
});

integrationTest(
  "without a key, an unknown fate is said and a known failure not counted",
  async (world) => {
    const { chat } = await converse(world);
    await world.remote.withFaults(
      [{ route: STORE, times: 1, fault: { kind: "drop", when: "before" } }],
      async () => {
        const answer = await chat.say("x");
        assertRefused(answer, 503, "message_uncertain");
        assertEquals(answer.headers.get("retry-after"), null, "nobody repeats it blindly");
      },
    );
    assertEquals(await countOf(world, chat.id), 1, "it may be there");
    await world.remote.withFaults(
      [{ route: STORE, times: 1, fault: { kind: "status", status: 400 } }],
      async () => assertRefused(await chat.say("x"), 422, "message_rejected"),
    );
    assertEquals(await countOf(world, chat.id), 1);
  },
);

for (const key of [undefined, "k"]) {
  const name = key === undefined ? "without a key" : "with a key";
  integrationTest(`throttling and outages change nothing ${name}`, async (world) => {
    const { chat } = await converse(world);
    await world.remote.withFaults(
      [{ route: STORE, fault: { kind: "throttle", retryAfterSeconds: 7 } }],
      async () => {
        const answer = await chat.say("x", key);
        assertRefused(answer, 503, "acontext_unavailable");
        assertEquals(retryAfter(answer), 7);
      },
    );
    await world.remote.withFaults([{ route: "*", fault: { kind: "outage" } }], async () => {
      assertRefused(await chat.say("x", key), 503, "acontext_unavailable");
      assertRefused(await chat.say("x", key), 503, "acontext_unavailable");
      assertRefused(await chat.get(), 503, "acontext_unavailable");
      assertRefused(await chat.get({ last: 3 }), 503, "acontext_unavailable");
      assertRefused(await chat.tokens(), 503, "acontext_unavailable");
    });
    assertEquals(await countOf(world, chat.id), 0);
    await chat.said("x", key);
    await assertStored(world, chat, ["x"]);
  });
}

integrationTest("a remote session that is gone behind our back is said to be", async (world) => {
  const { session, chat } = await converse(world);
  await world.remote.remove(`/session/${session.acontextSessionId}`);
  assertRefused(await chat.say("x"), 502, "acontext_inconsistent");
  assertRefused(await chat.say("x", "k"), 502, "acontext_inconsistent");
  assertRefused(await chat.get(), 502, "acontext_inconsistent");
  assertRefused(await chat.tokens(), 502, "acontext_inconsistent");
  assertEquals(await countOf(world, chat.id), 0);
});

for (const key of [undefined, "k"]) {
  integrationTest(
    `a session deleted while ${key === undefined ? "a" : "a keyed"} message is on its way is a 409`,
    async (world) => {
      const { user, session, chat } = await converse(world);
      const answer = await world.remote.withFaults(
        [{ route: STORE, fault: { kind: "delay", ms: 800 } }],
        async () => {
          const storing = chat.say("x", key);
          await eventually("it is counted", async () => await countOf(world, session.id) === 1);
          await world.remove(user, session.id);
          return await storing;
        },
      );
      assertRefused(answer, 409, "session_deleting");
    },
  );
}

integrationTest(
  "each route asks Acontext as little as can be",
  async (world) => {
    const { chat } = await converse(world);
    await chat.say("warm", "warm");
    async function trips(work: () => Promise<Answer>) {
      let status = 0;
      const acontext = await world.remote.callsOf(async () => status = (await work()).status);
      return { status, acontext };
    }
    const once = { [STORE]: 1 };
    const load = { [LOAD]: 1 };
    assertEquals(await trips(() => chat.say("a")), { status: 201, acontext: once });
    assertEquals(await trips(() => chat.say("b", "b")), {
      status: 201,
      acontext: once,
    });
    assertEquals(await trips(() => chat.say("b", "b")), { status: 200, acontext: {} });
    assertEquals(await trips(() => chat.get()), { status: 200, acontext: load });
    assertEquals(await trips(() => chat.get({ last: 2 })), {
      status: 200,
      acontext: load,
    });
    assertEquals(await trips(() => chat.get({ last: 2, editStrategies: "[]" })), {
      status: 200,
      acontext: { [LOAD]: 2 },
    });
    assertEquals(await trips(() => chat.tokens()), {
      status: 200,
      acontext: { "GET /session/:id/token_counts": 1 },
    });
  },
);
