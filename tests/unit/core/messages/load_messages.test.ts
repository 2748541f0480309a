import { assertEquals, assertRejects } from "@std/assert/mod.js";
import { DatabaseSync } from "node:sqlite";
import { DEFAULT_STRATEGIES } from "../../../../supabase/functions/_acontext_sessions/contract/messages.ts";
import { AppError } from "../../../../supabase/functions/_acontext_sessions/core/errors.ts";
import type { JsonObject } from "../../../../supabase/functions/_acontext_sessions/core/ports.ts";
import {
  loadMessages,
  type LoadMessagesInput,
} from "../../../../supabase/functions/_acontext_sessions/core/messages/load_messages.ts";
import type { Format } from "../../../../supabase/functions/_acontext_sessions/core/messages/ports.ts";
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

Deno.test("a message that a format cannot show is named, and the others have their ids", async () => {
  await withMessageWorld(async (world) => {
    const { sessionId } = world.key;
    await say(world, 1);
    const hidden = await world.messages.store(sessionId, {
      format: "acontext",
      message: { role: "user", parts: [{ type: "data", meta: { data_type: "x" } }] },
      meta: { n: 2 },
      attachments: new Map(),
    }, crypto.randomUUID());
    await say(world, 1);
    const hiddenId = hidden.kind === "done" ? hidden.value.id : "";
    for (const format of ["openai", "anthropic", "gemini"] as const) {
      const { messages, omitted } = await load(world, { format });
      assertEquals(messages.length, 2);
      assertEquals(new Set(messages.map(({ id }) => id)).size, 2);
      assertEquals(omitted, [{
        messageId: hiddenId,
        path: "parts.0",
        reason: "no_equivalent",
      }]);
      const newest = await load(world, { format, last: 2 });
      assertEquals(newest.messages.map(({ id }) => id), [messages[1]?.id ?? null]);
      assertEquals(newest.omitted, omitted);
      assertEquals((await load(world, { format, last: 1 })).omitted, undefined);
    }
    const { messages, omitted } = await load(world, { format: "acontext" });
    assertEquals([messages.map(({ meta }) => meta), omitted], [[{}, { n: 2 }, {}], undefined]);
  });
});

Deno.test("two results in one message are two messages where a format wants that", async () => {
  await withMessageWorld(async (world) => {
    const result = (id: string, content: string) => ({
      type: "tool_result",
      tool_use_id: id,
      content,
    });
    await world.messages.store(world.key.sessionId, {
      format: "anthropic",
      message: { role: "user", content: [result("a", "one"), result("b", "two")] },
      meta: { n: 1 },
      attachments: new Map(),
    }, crypto.randomUUID());
    await say(world, 1);
    const { messages } = await load(world);
    const [first, second] = messages;
    assertEquals(messages.map(({ message }) => message), [
      { role: "tool", tool_call_id: "a", content: "one" },
      { role: "tool", tool_call_id: "b", content: "two" },
      { role: "user", content: "0" },
    ]);
    assertEquals([first?.id, first?.meta], [second?.id, second?.meta]);
    assertEquals((await load(world, { last: 2 })).messages, messages);
    assertEquals((await load(world, { last: 1 })).messages.length, 1);
  });
});

async function codeOf(work: Promise<unknown>): Promise<string> {
  return (await assertRejects(() => work, AppError)).code;
}

Deno.test("strategies edit up to the pin, and the answer names it", async () => {
  await withMessageWorld(async (world) => {
    await say(world, 4);
    const { messages } = await load(world);
    const pin = messages[1]?.id ?? null;
    const editStrategies = [{ type: "middle_out", params: { token_reduce_to: 1 } }] as const;
    const unpinned = await load(world, { editStrategies: [...editStrategies] });
    assertEquals("editedAtMessageId" in unpinned, false);
    const pinned = await load(world, { editStrategies: [...editStrategies], pinEditsAt: pin });
    assertEquals(pinned.editedAtMessageId, pin ?? "");
    assertEquals(pinned.messages.slice(-2), messages.slice(-2));
    assertEquals(unpinned.messages.length < pinned.messages.length, true);
  });
});

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
      assertEquals(await pagesOf(world, { limit: 2, format, allowIncomplete: true }), [
        { said: ["0", "2"], incomplete: true },
        { said: ["3", "5"], incomplete: true },
        { said: ["6"] },
      ]);
      assertEquals(await codeOf(load(world, { limit: 2 })), INCOMPLETE);
    });
  }
});

Deno.test("a page that lacks nothing is a plain answer, whatever is missing behind it", async () => {
  for (const format of ["openai", "acontext"] as const) {
    await withMessageWorld(async (world) => {
      await say(world, 7);
      world.sessions.storedMessages = 7;
      await lose(world, 4);
      assertEquals(await pagesOf(world, { limit: 2, format, allowIncomplete: true }), [
        { said: ["0", "1"] },
        { said: ["2", "3"] },
        { said: ["5", "6"], incomplete: true },
      ]);
      assertEquals(await pagesOf(world, { limit: 4, format, allowIncomplete: true }), [
        { said: ["0", "1", "2", "3"] },
        { said: ["5", "6"], incomplete: true },
      ]);
      // Those who want nothing but the truth get as far as it goes.
      const { nextCursor } = await load(world, { limit: 4, format });
      assertEquals(await codeOf(load(world, { limit: 4, cursor: nextCursor })), INCOMPLETE);
    });
  }
});

Deno.test("the last message of all is missed, too", async () => {
  await withMessageWorld(async (world) => {
    await say(world, 3);
    world.sessions.storedMessages = 3;
    await lose(world, 2);
    assertEquals(await pagesOf(world, { limit: 2, allowIncomplete: true }), [
      { said: ["0", "1"] },
      { said: [], incomplete: true },
    ]);
    const { nextCursor } = await load(world, { limit: 2 });
    assertEquals(await codeOf(load(world, { limit: 2, cursor: nextCursor })), INCOMPLETE);
  });
});

Deno.test("attachments are listed and linked in every format, in one request", async () => {
  await withMessageWorld(async (world) => {
    const [text] = await say(world, 1);
    const bytes = new TextEncoder().encode("%PDF-1.4");
    const file = { bytes, filename: "a.pdf", contentType: "application/pdf" };
    await world.messages.store(world.key.sessionId, {
      format: "acontext",
      message: {
        role: "user",
        parts: [{ type: "text", text: "read" }, { type: "file", file_field: "f" }],
      },
      meta: { n: 1 },
      attachments: new Map([["f", file]]),
    }, crypto.randomUUID());
    for (const format of ["openai", "anthropic", "gemini", "acontext"] as const) {
      const requests = await world.requests(async () => {
        const { messages: [plain, read], publicUrls } = await load(world, { format });
        assertEquals(plain?.attachments, undefined, text);
        assertEquals(read?.meta, { n: 1 });
        const [{ sha256, ...attachment } = { sha256: "" }] = read?.attachments ?? [];
        assertEquals<unknown>(attachment, {
          type: "file",
          filename: "a.pdf",
          contentType: "application/pdf",
          size: bytes.length,
        });
        assertEquals(Object.keys(publicUrls), [sha256], format);
      });
      assertEquals(requests, 1);
      const unlinked = await load(world, { format, withAssetUrls: false });
      assertEquals(unlinked.messages[1]?.attachments?.length, 1);
      assertEquals(unlinked.publicUrls, {});
    }
  });
});

Deno.test("an answer that is refused anyway costs no second look", async () => {
  await withMessageWorld(async (world) => {
    await say(world, 3);
    world.sessions.storedMessages = 3;
    await lose(world, 1, 2);
    assertEquals(await world.requests(() => codeOf(load(world, { limit: 2 }))), 1);
  });
});

/** All pages, as they are given one after the other. */
async function pagesOf(world: MessageWorld, input: Partial<LoadMessagesInput>) {
  const pages: { said: unknown[]; incomplete?: true | undefined }[] = [];
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<typeof load>> = await load(world, { ...input, cursor });
    pages.push({
      said: page.messages.map(({ message }) =>
        /"(?:content|text)":"(\d)"/.exec(JSON.stringify(message))?.[1]
      ),
      ...(page.incomplete && { incomplete: page.incomplete }),
    });
    cursor = page.nextCursor;
  } while (cursor !== null);
  return pages;
}

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

Deno.test("equal messages as the official SDKs make them share nothing", async () => {
  const text = { type: "text", text: "hi" };
  const call = { id: "c", type: "function", function: { name: "f", arguments: "{}" } };
  const answers: [Format, JsonObject][] = [
    ["openai", { role: "assistant", content: "hi", refusal: null, annotations: [] }],
    ["openai", {
      role: "assistant",
      content: "hi",
      refusal: null,
      audio: null,
      function_call: null,
      tool_calls: null,
    }],
    ["openai", { role: "assistant", content: null, refusal: null, tool_calls: [call] }],
    ["openai", { role: "tool", tool_call_id: "c", content: "Done" }],
    ["openai", { role: "tool", tool_call_id: "c", content: [text] }],
    ["anthropic", { role: "assistant", content: [{ ...text, citations: null }] }],
    ["anthropic", {
      role: "user",
      content: [{ type: "tool_result", tool_use_id: "c", content: "Done" }],
    }],
    ["anthropic", {
      role: "assistant",
      content: [{ type: "tool_use", id: "c", name: "f", input: {}, caller: null }],
    }],
    ["gemini", { role: "model", parts: [{ text: "hi", thoughtSignature: "c2ln" }] }],
    ["gemini", { role: "model", parts: [{ text: "hm", thought: true }, { text: "hi" }] }],
    ["gemini", { role: "model", parts: [{ functionCall: { name: "f" } }] }],
    ["openai", { role: "function", name: "f", content: "Done" }],
    ["anthropic", {
      role: "assistant",
      content: [{ type: "thinking", thinking: "", signature: "s" }],
    }],
  ];
  await withMessageWorld(async (world) => {
    for (const [format, message] of [...answers, ...answers]) {
      const made = { format, message, meta: {}, attachments: new Map() };
      const { sessionId } = world.key;
      const outcome = await world.messages.store(sessionId, made, crypto.randomUUID());
      assertEquals(outcome.kind, "done", JSON.stringify(message));
    }
    assertEquals(world.standIn.control.content().objects.length, 2 * answers.length);
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
        assertEquals<unknown>(loaded, message);
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
