import { assertEquals, assertRejects } from "@std/assert/mod.js";
import { DatabaseSync } from "node:sqlite";
import { DEFAULT_STRATEGIES } from "../../../../supabase/functions/_acontext_sessions/contract/messages.ts";
import { AppError } from "../../../../supabase/functions/_acontext_sessions/core/errors.ts";
import type { JsonObject } from "../../../../supabase/functions/_acontext_sessions/core/ports.ts";
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
    }, crypto.randomUUID());
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
    pinEditsAt: null,
    withAssetUrls: true,
    allowIncomplete: false,
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
    next = (await load(world, { limit: 6 })).nextCursor?.split("~")[1] ?? "";
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
    }, crypto.randomUUID());
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
      }, index === 3 ? "wanted" : crypto.randomUUID());
    }
    assertEquals(await codeOf(load(world)), "history_too_large");
    assertEquals((await load(world, { limit: 2 })).messages.length, 2);
    const found = await world.messages.find(world.key.sessionId, "wanted", { atLeast: 0 });
    assertEquals(
      found.kind === "done" && found.value !== null,
      true,
      "a search takes smaller steps",
    );
  });
});

/** Makes the messages at these places unreadable, as when their objects are lost and the cache has forgotten them. */
async function lose(world: MessageWorld, ...indexes: number[]): Promise<void> {
  const { messages } = await load(world, { allowIncomplete: true });
  for (const index of indexes) world.standIn.control.loseMessage(messages[index]?.id ?? "");
  world.standIn.control.forgetCache();
}

const INCOMPLETE = "messages_incomplete";

Deno.test("an answer with fewer messages than the session holds is no plain answer", async () => {
  await withMessageWorld(async (world) => {
    await say(world, 5);
    world.sessions.storedMessages = 5;
    await lose(world, 1);
    assertEquals(await codeOf(load(world)), INCOMPLETE);
    const left = await load(world, { allowIncomplete: true });
    assertEquals(left.incomplete, true);
    assertEquals(await texts(Promise.resolve(left)), ["0", "2", "3", "4"]);
    const placeholder = { type: "remove_tool_result" } as const;
    assertEquals(await codeOf(load(world, { editStrategies: [placeholder] })), INCOMPLETE);
    assertEquals(await codeOf(load(world, { last: 4 })), INCOMPLETE);
    assertEquals(await texts(load(world, { last: 2 })), ["3", "4"]);
  });
});

Deno.test("an empty answer where there are messages is no plain answer, edited or not", async () => {
  await withMessageWorld(async (world) => {
    await say(world, 2);
    world.sessions.storedMessages = 2;
    world.standIn.control.forgetCache();
    world.standIn.control.setStorage({ down: true });
    const few = { type: "token_limit", params: { limit_tokens: 1 } } as const;
    for (const editStrategies of [[], [few]]) {
      assertEquals(await codeOf(load(world, { editStrategies })), INCOMPLETE);
      const left = await load(world, { editStrategies, allowIncomplete: true });
      assertEquals([left.messages, left.incomplete], [[], true]);
    }
    world.standIn.control.setStorage({ down: false });
    // What a strategy leaves out is not missing.
    assertEquals((await load(world, { editStrategies: [few] })).incomplete, undefined);
  });
});

Deno.test("pages go on behind what cannot be read", async () => {
  for (const format of ["openai", "acontext"] as const) {
    await withMessageWorld(async (world) => {
      await say(world, 7);
      world.sessions.storedMessages = 7;
      await lose(world, 1, 4);
      const found: unknown[] = [];
      let cursor: string | null = null;
      do {
        const query = { limit: 2, cursor, format, allowIncomplete: true };
        const page: Awaited<ReturnType<typeof load>> = await load(world, query);
        found.push(...page.messages.map(({ message }) => JSON.stringify(message).match(/\d/)?.[0]));
        cursor = page.nextCursor;
      } while (cursor !== null);
      assertEquals(found.length, 5, format);
      assertEquals(await codeOf(load(world, { limit: 2 })), INCOMPLETE);
    });
  }
});

Deno.test("messages that others have stored do not look like a loss, nor does a lack of knowledge", async () => {
  await withMessageWorld(async (world) => {
    await say(world, 3);
    for (const storedMessages of [0, 2, 3, null]) {
      world.sessions.storedMessages = storedMessages;
      assertEquals((await load(world)).messages.length, 3);
      assertEquals((await walk(world, 2)).length, 3);
      assertEquals((await load(world, { last: 2 })).messages.length, 2);
    }
    // A cursor of the server's own, as version 0.1.0 gave it.
    world.sessions.storedMessages = 3;
    const { nextCursor } = await load(world, { limit: 2 });
    const old = nextCursor?.split("~")[1] ?? "";
    assertEquals((await load(world, { limit: 2, cursor: old })).messages.length, 1);
  });
});

Deno.test("a search for a message goes on behind what cannot be read, and proves nothing past it", async () => {
  await withMessageWorld(async (world) => {
    await say(world, 3);
    const { sessionId } = world.key;
    const wanted = { format: "openai", message: { role: "user", content: "9" }, meta: {} } as const;
    await world.messages.store(sessionId, { ...wanted, attachments: new Map() }, "wanted");
    await lose(world, 0);
    const found = await world.messages.find(sessionId, "wanted", { atLeast: 3 });
    assertEquals(found.kind === "done" && found.value !== null, true);
    assertEquals(await world.messages.find(sessionId, "other", { atLeast: 3 }), {
      kind: "done",
      value: null,
    });
    // Of the three that are left, the last.
    await lose(world, 2);
    assertEquals(await world.messages.find(sessionId, "wanted", { atLeast: 3 }), {
      kind: "unavailable",
      detail: "incomplete",
    });
  });
});

Deno.test("what is stored is unlike anything else, and loads as it was stored", async () => {
  await withMessageWorld(async (world) => {
    const text = { type: "text", text: "hi" };
    const stored = [
      { format: "openai", message: { role: "system", content: "hi", name: "bob" } },
      { format: "openai", message: { role: "user", content: [text] } },
      { format: "anthropic", message: { role: "assistant", content: [text, text] } },
      { format: "gemini", message: { role: "model", parts: [{ text: "hi" }] } },
      {
        format: "acontext",
        message: { role: "user", parts: [{ ...text, meta: { a: 1 } }, text] },
      },
    ] as const;
    for (const { format, message } of [...stored, ...stored]) {
      const copy: JsonObject = JSON.parse(JSON.stringify(message));
      const made = { format, message: copy, meta: { n: 1 } };
      const attachments = new Map();
      const outcome = await world.messages.store(
        world.key.sessionId,
        { ...made, attachments },
        crypto.randomUUID(),
      );
      assertEquals(outcome.kind, "done");
    }
    assertEquals(world.standIn.control.content().objects.length, 2 * stored.length);
    for (const [index, { format, message }] of stored.entries()) {
      const { messages } = await load(world, { format });
      assertEquals(messages[index]?.meta, { n: 1 });
      const loaded = messages[index]?.message;
      if (format !== "acontext") {
        const { content, ...rest } = { content: undefined, ...message };
        const plain = format === "openai"
          ? { content: "hi" }
          : content === undefined
          ? {}
          : { content };
        assertEquals<unknown>(loaded, { ...rest, ...plain });
      } else {
        assertEquals(JSON.stringify(loaded).includes("acontext_sessions"), false);
        assertEquals<unknown>(
          typeof loaded === "object" && loaded !== null && "parts" in loaded && loaded["parts"],
          message.parts,
        );
      }
    }
  });
});
