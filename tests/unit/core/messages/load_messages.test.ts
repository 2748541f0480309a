import { assertEquals, assertRejects } from "@std/assert/mod.js";
import { DatabaseSync } from "node:sqlite";
import { DEFAULT_STRATEGIES } from "../../../../supabase/functions/_acontext_sessions/contract/messages.ts";
import { AppError } from "../../../../supabase/functions/_acontext_sessions/core/errors.ts";
import {
  loadMessages,
  type LoadMessagesInput,
} from "../../../../supabase/functions/_acontext_sessions/core/messages/load_messages.ts";
import { type MessageWorld, withMessageWorld } from "../../fakes/message_world.ts";

const LOAD = "GET /session/:id/messages";

async function say(world: MessageWorld, count: number): Promise<string[]> {
  const texts = Array.from({ length: count }, (_, index) => `${index}`);
  for (const content of texts) {
    await world.messages.store(world.key.sessionId, {
      format: "openai",
      message: { role: "user", content },
      meta: {},
      attachments: new Map(),
    }, null);
  }
  return texts;
}

function load(world: MessageWorld, input: Partial<LoadMessagesInput> = {}) {
  return loadMessages(world.deps, {
    key: world.key,
    limit: null,
    cursor: null,
    last: null,
    format: "openai",
    editStrategies: [],
    withAssetUrls: true,
    ...input,
  });
}

async function texts(loading: ReturnType<typeof load>): Promise<unknown[]> {
  return (await loading).messages.map(({ message }) =>
    typeof message === "object" && message !== null && "content" in message && message["content"]
  );
}

async function walk(world: MessageWorld, limit: number): Promise<(string | null)[]> {
  const ids: (string | null)[] = [];
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<typeof load>> = await load(world, { limit, cursor });
    ids.push(...page.messages.map(({ id }) => id));
    cursor = page.nextCursor;
  } while (cursor !== null);
  return ids;
}

Deno.test("a walk over 450 messages of one moment neither loses nor repeats one", async () => {
  const stateFile = await Deno.makeTempFile();
  try {
    await withMessageWorld(async (world) => {
      await say(world, 450);
      const database = new DatabaseSync(stateFile);
      database.exec("update messages set created_at = 1800000000000000");
      database.close();
      const everything = (await load(world)).messages.map(({ id }) => id);
      assertEquals(new Set(everything).size, 450);
      for (const limit of [1, 7, 50, 149, 200]) assertEquals(await walk(world, limit), everything);
      for (const last of [1, 3, 200]) {
        const { messages } = await load(world, { last });
        assertEquals(messages.map(({ id }) => id), everything.slice(-last));
      }
    }, { stateFile });
  } finally {
    await Deno.remove(stateFile);
  }
});

Deno.test("the newest messages are right around every edge of a page", async () => {
  for (const total of [0, 1, 2, 3, 4, 5]) {
    await withMessageWorld(async (world) => {
      const said = await say(world, total);
      for (const last of [1, 2, 3, 4, 5]) {
        assertEquals(await texts(load(world, { last })), said.slice(-last), `${last} of ${total}`);
        const edited = load(world, { last, editStrategies: DEFAULT_STRATEGIES });
        assertEquals(await texts(edited), said.slice(-last));
      }
    });
  }
});

Deno.test("the newest messages are right on a server that gives the newest itself", async () => {
  let next = "";
  await withMessageWorld(async (world) => {
    const said = await say(world, 9);
    next = (await load(world, { limit: 6 })).nextCursor ?? "";
    assertEquals(await texts(load(world, { last: 3 })), said.slice(-3));
  }, {
    // Three of nine, oldest first, and the place before them: what a corrected server would answer.
    wrap: (fetch) => async (url, init) => {
      if (!url.includes("time_desc=true")) return await fetch(url, init);
      const fixed = new URL(url);
      fixed.searchParams.set("time_desc", "false");
      fixed.searchParams.set("cursor", next);
      const body = await (await fetch(fixed.href, init)).json();
      return Response.json({ ...body, data: { ...body.data, has_more: true, next_cursor: next } });
    },
  });
});

Deno.test("messages that arrive while the newest are read are not lost", async () => {
  let arrive = async () => {};
  await withMessageWorld(async (world) => {
    await say(world, 4);
    arrive = async () => {
      arrive = async () => {};
      await say(world, 1);
    };
    assertEquals(await texts(load(world, { last: 3 })), ["2", "3", "0"]);
  }, {
    wrap: (fetch) => async (url, init) => {
      const answer = await fetch(url, init);
      if (url.includes("time_desc=true")) await arrive();
      return answer;
    },
  });
});

Deno.test("tokens are told only of what Acontext counted", async () => {
  await withMessageWorld(async (world) => {
    await say(world, 5);
    assertEquals(typeof (await load(world)).tokens, "number");
    const exact = await load(world, { last: 5, editStrategies: DEFAULT_STRATEGIES });
    assertEquals(typeof exact.tokens, "number");
    assertEquals((await load(world, { last: 2, editStrategies: DEFAULT_STRATEGIES })).tokens, null);
    assertEquals((await load(world, { last: 2 })).tokens, null);
  });
});

Deno.test("a page of which a format hides messages has no ids rather than wrong ones", async () => {
  await withMessageWorld(async (world) => {
    await say(world, 1);
    await world.messages.store(world.key.sessionId, {
      format: "acontext",
      message: { role: "user", parts: [{ type: "data", meta: { data_type: "x" } }] },
      meta: { n: 2 },
      attachments: new Map(),
    }, null);
    const { messages } = await load(world, { format: "gemini" });
    assertEquals(messages, [
      { id: null, meta: {}, message: { role: "user", parts: [{ text: "0" }] } },
    ]);
    assertEquals((await load(world)).messages.map(({ meta }) => meta), [{}, { n: 2 }]);
  });
});

async function codeOf(work: Promise<unknown>): Promise<string> {
  return (await assertRejects(() => work, AppError)).code;
}

Deno.test("a bad cursor and a broken Acontext are told apart", async () => {
  await withMessageWorld(async (world) => {
    await say(world, 3);
    assertEquals(await codeOf(load(world, { cursor: "x" })), "invalid_request");
    const { nextCursor: cursor } = await load(world, { limit: 1 });
    world.faults({ route: LOAD, fault: { kind: "outage" } });
    assertEquals(await codeOf(load(world, { cursor })), "acontext_unavailable");
    assertEquals(await codeOf(load(world)), "acontext_unavailable");
    assertEquals(await codeOf(load(world, { last: 1 })), "acontext_unavailable");
  });
});

Deno.test("a history that is too large for an answer is said to be", async () => {
  await withMessageWorld(async (world) => {
    for (let index = 0; index < 5; index++) {
      await world.messages.store(world.key.sessionId, {
        format: "openai",
        message: { role: "user", content: " x".repeat(1_000_000) },
        meta: {},
        attachments: new Map(),
      }, index === 3 ? "wanted" : null);
    }
    assertEquals(await codeOf(load(world)), "history_too_large");
    assertEquals((await load(world, { limit: 2 })).messages.length, 2);
    const found = await world.messages.find(world.key.sessionId, "wanted");
    assertEquals(
      found.kind === "done" && found.value !== null,
      true,
      "a search takes smaller steps",
    );
  });
});
