/** Messages that Acontext cannot read any more, and how a load tells of them. @module */

import { assertEquals } from "@std/assert/mod.js";
import type { LoadMessagesInput } from "../../../../supabase/functions/_acontext_sessions/core/messages/load_messages.ts";
import { codeOf, load, say, texts, walk } from "../../fakes/loading.ts";
import { type MessageWorld, withMessageWorld } from "../../fakes/message_world.ts";

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
