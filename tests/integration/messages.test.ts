import { assert, assertEquals } from "@std/assert/mod.js";
import { z } from "zod";
import { converse, textsOf } from "./support/conversations.ts";
import { assertRefused } from "./support/functions.ts";
import { FORMATS } from "../../supabase/functions/_acontext_sessions/core/messages/ports.ts";
import { sessionRow } from "./support/sessions.ts";
import { integrationTest } from "./support/world.ts";

integrationTest("a message is stored, counted and loaded", async (world) => {
  const { session, chat } = await converse(world);
  const answer = await chat.store({
    message: { role: "user", content: "Hello", name: "Ann" },
    meta: { client: 7 },
  });
  assertEquals(answer.status, 201);
  const page = await chat.page();
  assertEquals(page.messages.map(({ message, meta }) => ({ message, meta })), [
    { message: { role: "user", content: "Hello", name: "Ann" }, meta: { client: 7 } },
  ]);
  assertEquals([page.hasMore, page.nextCursor], [false, null]);
  assert(page.tokens !== null && page.tokens > 0);
  assertEquals((await sessionRow(world, session.id)).message_count, 1);
  assertEquals((await chat.tokens()).body, { totalTokens: page.tokens });
});

const incompleteSchema = z.object({
  messages: z.array(z.object({ message: z.object({ content: z.string() }) })),
  incomplete: z.literal(true),
});

const CALL_ID = "call_1";
const ROUND_TRIPS: Record<string, unknown[]> = {
  openai: [
    { role: "user", content: [{ type: "text", text: "a" }, { type: "text", text: "b" }] },
    {
      role: "assistant",
      content: "Let me look",
      tool_calls: [
        { id: CALL_ID, type: "function", function: { name: "look", arguments: '{"at":"it"}' } },
      ],
    },
    { role: "tool", tool_call_id: CALL_ID, content: "seen" },
    { role: "system", content: "Be kind" },
    { role: "assistant", content: null, refusal: "no", reasoning_content: "hm", annotations: [{}] },
    { role: "assistant", content: null, function_call: { name: "f", arguments: "{" } },
    { role: "function", name: "f", content: null },
  ],
  anthropic: [
    { role: "user", content: [{ type: "text", text: "a" }] },
    {
      role: "assistant",
      content: [
        { type: "thinking", thinking: "hm", signature: "s" },
        { type: "thinking", thinking: "", signature: "s" },
        { type: "redacted_thinking", data: "ENC" },
        { type: "tool_use", id: CALL_ID, name: "look", input: { at: "it" } },
      ],
    },
    {
      role: "user",
      content: [{
        type: "document",
        title: "a",
        source: { type: "text", media_type: "text/plain", data: "x" },
      }],
    },
    {
      role: "user",
      content: [{
        type: "tool_result",
        tool_use_id: CALL_ID,
        content: [{ type: "text", text: "seen" }],
        is_error: false,
      }],
    },
  ],
  gemini: [
    { role: "user", parts: [{ text: "a" }] },
    { role: "model", parts: [{ functionCall: { id: CALL_ID, name: "look", args: { at: "it" } } }] },
    { role: "model", parts: [{ functionCall: { name: "look" }, thoughtSignature: "c2ln" }] },
    { role: "user", parts: [{ functionResponse: { name: "look" } }] },
    {
      role: "user",
      parts: [{ functionResponse: { id: CALL_ID, name: "look", response: { saw: "it" } } }],
    },
  ],
};

for (const [format, messages] of Object.entries(ROUND_TRIPS)) {
  integrationTest(`tool calls and results come back as they were in ${format}`, async (world) => {
    const { chat } = await converse(world);
    for (const message of messages) {
      const answer = await chat.store({ format, message });
      assertEquals(answer.status, 201, JSON.stringify(answer.body));
    }
    const { messages: loaded } = await chat.page({ format, editStrategies: "[]" });
    assertEquals(loaded.map(({ message }) => message), messages);
    assert(loaded.every(({ id }) => id !== null));
  });
}

integrationTest("tool calls and results come back as they were in acontext", async (world) => {
  const { chat } = await converse(world);
  const messages = [
    { role: "user", parts: [{ type: "text", text: "a" }] },
    {
      role: "assistant",
      parts: [{ type: "tool-call", meta: { id: CALL_ID, name: "look", arguments: "{}" } }],
    },
    {
      role: "user",
      parts: [{ type: "tool-result", text: "seen", meta: { tool_call_id: CALL_ID } }],
    },
  ];
  for (const message of messages) {
    assertEquals(
      (await chat.store({ format: "acontext", message }, crypto.randomUUID())).status,
      201,
    );
  }
  const { messages: loaded } = await chat.page({ format: "acontext" });
  assertEquals(
    loaded.map(({ message }) => {
      if (typeof message !== "object" || message === null || Array.isArray(message)) return message;
      const { role, parts, meta } = message;
      return meta === undefined ? { role, parts } : { role, parts, meta };
    }),
    // Acontext's own note, as it gives it back.
    messages.map((message) => ({ ...message, meta: { source_format: "acontext" } })),
    "and our mark does not show",
  );
  assertEquals(loaded.map(({ meta }) => meta), [{}, {}, {}]);
});

integrationTest("a walk over 450 messages neither loses nor repeats one", async (world) => {
  const { session, chat } = await converse(world);
  const wanted = Array.from({ length: 450 }, (_, index) => `message ${index}`);
  for (const text of wanted) await chat.said(text);
  assertEquals((await sessionRow(world, session.id)).message_count, 450);
  for (const limit of [7, 200]) {
    const seen: unknown[] = [];
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<typeof chat.page>> = await chat.page({
        limit,
        ...(cursor === null ? {} : { cursor }),
      });
      seen.push(...textsOf(page));
      cursor = page.nextCursor;
      assertEquals(page.hasMore, cursor !== null);
    } while (cursor !== null);
    assertEquals(seen, wanted, `limit ${limit}`);
  }
  assertEquals(textsOf(await chat.page()), wanted, "everything at once");
  for (const last of [1, 2, 199, 200]) {
    for (
      const editStrategies of ["[]", '[{"type":"token_limit","params":{"limit_tokens":70000}}]']
    ) {
      assertEquals(textsOf(await chat.page({ last, editStrategies })), wanted.slice(-last));
    }
  }
  const short = await chat.page({
    editStrategies: '[{"type":"middle_out","params":{"token_reduce_to":100}}]',
  });
  assert(short.messages.length < 450 && (short.tokens ?? 1000) <= 100);
});

integrationTest("the default strategies keep the last five tool results", async (world) => {
  const { chat } = await converse(world);
  for (let index = 0; index < 7; index++) {
    const id = `call_${index}`;
    await chat.store({
      message: {
        role: "assistant",
        tool_calls: [{ id, type: "function", function: { name: "f", arguments: "{}" } }],
      },
    });
    await chat.store({ message: { role: "tool", tool_call_id: id, content: `result ${index}` } });
  }
  const results = (texts: unknown[]) => texts.filter((text) => typeof text === "string");
  const kept = [2, 3, 4, 5, 6].map((index) => `result ${index}`);
  assertEquals(results(textsOf(await chat.page())), ["Done", "Done", ...kept]);
  assertEquals(results(textsOf(await chat.page({ editStrategies: "[]" })))[0], "result 0");
});

integrationTest("an attachment is stored with its message", async (world) => {
  const { user, chat } = await converse(world);
  const payload = {
    format: "acontext",
    message: {
      role: "user",
      parts: [{ type: "text", text: "look" }, { type: "image", file_field: "photo" }],
    },
  };
  const form = () => {
    const made = new FormData();
    made.set("payload", JSON.stringify(payload));
    made.set(
      "photo",
      new File([new Uint8Array([0, 255, 137, 80])], 'a "b"; c=1 é.png', {
        type: "image/png",
      }),
    );
    return made;
  };
  assertEquals((await chat.storeForm(form(), "photo-1")).status, 201);
  assertEquals((await chat.storeForm(form(), "photo-1")).status, 200, "the same bytes again");
  const { messages, publicUrls } = await chat.page({ format: "acontext" });
  assertEquals(messages.length, 1);
  assert(JSON.stringify(messages).includes('a \\"b\\"; c=1 é.png'));
  const [link] = Object.values(publicUrls);
  assertEquals(await (await fetch(link?.url ?? "")).bytes(), new Uint8Array([0, 255, 137, 80]));
  const { messages: [shown], publicUrls: links } = await chat.page({ format: "anthropic" });
  assertEquals(
    shown?.attachments?.map(({ filename, sha256 }) => [filename, sha256 in links]),
    [['a "b"; c=1 é.png', true]],
  );

  const missing = new FormData();
  missing.set("payload", JSON.stringify(payload));
  assertRefused(await chat.storeForm(missing), 400, "invalid_request");
  const extra = form();
  extra.set("other", new File(["x"], "x"));
  assertRefused(await chat.storeForm(extra), 400, "invalid_request");
  const large = form();
  large.set("photo", new File([new Uint8Array(16 * 1024 * 1024 + 1)], "x.png"));
  assertRefused(await chat.storeForm(large), 413, "body_too_large");
  const cut = new Request("http://x.test", { method: "POST", body: form() });
  const bytes = await cut.clone().bytes();
  const answer = await world.call("session-messages", `/${chat.id}`, {
    method: "POST",
    headers: {
      ...world.bearer(user),
      "content-type": cut.headers.get("content-type") ?? "",
    },
    body: bytes.subarray(0, bytes.length - 20),
  });
  assertRefused(answer, 400, "invalid_multipart");
});

integrationTest(
  "what is no message is refused before anything happens",
  async (world) => {
    const { session, chat } = await converse(world);
    const bad: [string, unknown][] = [
      ["no message", {}],
      ["an unknown field", { message: { role: "user", content: "x" }, blob: 1 }],
      ["an unknown format", { format: "cohere", message: { role: "user", content: "x" } }],
      ["an unknown role", { message: { role: "robot", content: "x" } }],
      ["no content", { message: { role: "user" } }],
      ["an empty text", { message: { role: "user", content: "" } }],
      ["an empty assistant", { message: { role: "assistant", content: "" } }],
      ["a part without its field", { message: { role: "user", content: [{ type: "text" }] } }],
      ["a call without arguments", {
        message: {
          role: "assistant",
          tool_calls: [{ id: "1", type: "function", function: { name: "f" } }],
        },
      }],
      ["a result without its call", { message: { role: "tool", content: "x" } }],
      ["an unknown block", {
        format: "anthropic",
        message: { role: "user", content: [{ type: "search" }] },
      }],
      ["bytes that are none", {
        format: "gemini",
        message: {
          role: "user",
          parts: [{ inlineData: { mimeType: "a/b", data: "x" } }],
        },
      }],
      ["a file that is not sent", {
        format: "acontext",
        message: { role: "user", parts: [{ type: "image", file_field: "photo" }] },
      }],
      ["our own meta", {
        message: { role: "user", content: "x" },
        meta: { acontext_sessions: { key: "x" } },
      }],
      ["a large meta", {
        message: { role: "user", content: "x" },
        meta: { a: "x".repeat(70_000) },
      }],
      ["a lone surrogate", { message: { role: "user", content: "\ud800" } }],
    ];
    const calls = await world.remote.callsOf(async () => {
      for (const [name, body] of bad) {
        const error = assertRefused(await chat.store(body), 400, "invalid_request");
        assert((error.details?.length ?? 0) > 0, name);
      }
      assertRefused(await chat.say("x", "a key"), 400, "invalid_request");
      assertRefused(await chat.say("x".repeat(2_300_000)), 413, "body_too_large");
      for (
        const query of [
          { limit: 0 },
          { limit: 201 },
          { limit: "x" },
          { last: 0 },
          { last: 5, limit: 5 },
          { format: "x" },
          { editStrategies: "{" },
          { editStrategies: "{}" },
          { editStrategies: '[{"type":"forget"}]' },
          { editStrategies: '[{"type":"token_limit"}]' },
          { editStrategies: '[{"type":"token_limit","params":{"limit_tokens":0}}]' },
          { sort: "up" },
          { withAssetPublicUrl: "yes" },
        ]
      ) {
        assertRefused(await chat.get(query), 400, "invalid_request");
      }
    });
    assertEquals(calls, {});
    assertEquals((await sessionRow(world, session.id)).message_count, 0);
  },
);

integrationTest("what would not come back as it is, is refused by its path", async (world) => {
  const { session, chat } = await converse(world);
  const body = (part: unknown) => ({
    format: "acontext",
    message: { role: "user", parts: [part] },
  });
  const text = { type: "text", text: "x" };
  const calls = await world.remote.callsOf(async () => {
    for (
      const [part, path] of [
        [{ ...text, asset: { sha256: "x" } }, "message.parts.0.asset"],
        [{ ...text, meta: { acontext_sessions: 1 } }, "message.parts.0.meta.acontext_sessions"],
      ] as const
    ) {
      const error = assertRefused(await chat.store(body(part)), 422, "message_not_kept");
      assertEquals(error.details?.map((detail) => detail.path), [path]);
    }
    const digits = '{"format":"anthropic","message":{"role":"assistant","content":[{"type":' +
      '"tool_use","id":"a","name":"f","input":{"n":12345678901234567890,"m":1e400}}]}}';
    const error = assertRefused(await chat.storeText(digits), 400, "invalid_request");
    assertEquals(error.details?.map((detail) => detail.path), [
      "message.content.0.input.n",
      "message.content.0.input.m",
    ]);
  });
  assertEquals(calls, {});
  assertEquals((await sessionRow(world, session.id)).message_count, 0);
});

integrationTest(
  "a message that no load could read is refused, and the largest can be",
  async (world) => {
    const { chat } = await converse(world);
    // Acontext writes six characters for each, and is asked for no tokens.
    const body = (bytes: string) => ({
      format: "acontext",
      message: { role: "user", parts: [{ type: "data", meta: { data_type: "x", bytes } }] },
    });
    assertRefused(await chat.store(body("<".repeat(1_250_000))), 413, "body_too_large");
    const texts = Array.from({ length: 60_000 }, () => ({ type: "text", text: "a" }));
    const parts = { message: { role: "user", content: texts } };
    assertRefused(await chat.store(parts), 413, "body_too_large");
    assertEquals((await chat.store(body("<".repeat(1_200_000)))).status, 201);
    for (const format of FORMATS) {
      assertEquals((await chat.get({ format, editStrategies: "[]" })).status, 200, format);
    }
  },
);

integrationTest("a full session takes no more messages and is loaded as before", async (world) => {
  const { session, chat } = await converse(world);
  await world.database.configure({ max_messages_per_session: 1 });
  await chat.said("first");
  const error = assertRefused(await chat.say("second"), 409, "session_full");
  assert(error.message.includes("limit of 1 "));
  assertEquals(textsOf(await chat.page()), ["first"]);
  assertEquals((await sessionRow(world, session.id)).message_count, 1);
});

integrationTest("a load that lacks a message is refused, or says so", async (world) => {
  const { chat } = await converse(world);
  await chat.said("first");
  const lost = await chat.said("second");
  await chat.said("third");
  await world.remote.control.loseMessage(lost);
  await world.remote.control.forgetCache();
  const unedited = { editStrategies: "[]" };
  assertRefused(await chat.get(unedited), 503, "messages_incomplete");
  const { status, body } = await chat.get({ ...unedited, allowIncomplete: "true" });
  assertEquals(status, 200);
  const page = incompleteSchema.parse(body);
  assertEquals(page.messages.map(({ message }) => message.content), ["first", "third"]);
});

integrationTest("a cursor that is none of ours is refused", async (world) => {
  const { chat } = await converse(world);
  const error = assertRefused(await chat.get({ cursor: "x" }), 400, "invalid_request");
  assertEquals(error.details?.map(({ path }) => path), ["cursor"]);
});
