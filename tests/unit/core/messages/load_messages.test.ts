import { assertEquals } from "@std/assert/mod.js";
import { DatabaseSync } from "node:sqlite";
import { DEFAULT_STRATEGIES } from "../../../../supabase/functions/_acontext_sessions/contract/messages.ts";
import { codeOf, load, say, texts, walk } from "../../fakes/loading.ts";
import { withMessageWorld } from "../../fakes/message_world.ts";

const LOAD = "GET /session/:id/messages";

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
