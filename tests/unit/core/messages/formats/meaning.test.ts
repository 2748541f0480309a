/** What messages say in formats they were not stored in, and after they were edited. @module */

import { assertEquals } from "@std/assert/mod.js";
import { uniqueBlob } from "../../../../../supabase/functions/_acontext_sessions/acontext/unique_content.ts";
import { showMessages } from "../../../../../supabase/functions/_acontext_sessions/core/messages/formats/show.ts";
import {
  type Format,
  FORMATS,
} from "../../../../../supabase/functions/_acontext_sessions/core/messages/ports.ts";
import type { JsonObject } from "../../../../../supabase/functions/_acontext_sessions/core/ports.ts";

function stored(format: Format, message: JsonObject): JsonObject {
  const made = { format, message, meta: {}, attachments: new Map() };
  return JSON.parse(JSON.stringify(uniqueBlob(made, "nonce").blob));
}

function conversation(format: Format, messages: JsonObject[]) {
  return messages.map((message, index) => ({ id: `m${index}`, message: stored(format, message) }));
}

function show(format: Format, messages: ReturnType<typeof conversation>) {
  return showMessages(messages, { format, urls: {} }).flatMap((found) => found.messages);
}

/** As `remove_tool_result` and `remove_tool_call_params` do it: other members of the parts stay. */
function edited(message: JsonObject): JsonObject {
  const { parts } = message;
  const all: JsonObject[] = JSON.parse(JSON.stringify(parts));
  return {
    ...message,
    parts: all.map((part) => {
      if (part["type"] === "tool-result") return { ...part, text: "Done" };
      return part["type"] === "tool-call"
        ? { ...part, meta: { ...Object(part["meta"]), arguments: "{}" } }
        : part;
    }),
  };
}

const IMAGE = { type: "base64", media_type: "image/png", data: "AAAA" };
const text = (said: string) => ({ type: "text", text: said });

Deno.test("an edited message comes back edited in the format it was stored in", () => {
  const cases: [Format, JsonObject, JsonObject][] = [
    ["openai", { role: "tool", tool_call_id: "a", content: "long" }, {
      role: "tool",
      tool_call_id: "a",
      content: "Done",
    }],
    ["openai", { role: "tool", tool_call_id: "a", content: [text("lo"), text("ng")], own: 1 }, {
      role: "tool",
      tool_call_id: "a",
      content: "Done",
      own: 1,
    }],
    ["openai", { role: "function", name: "f", content: null }, {
      role: "function",
      name: "f",
      content: "Done",
    }],
    ["openai", {
      role: "assistant",
      content: "hi",
      tool_calls: [
        { id: "a", type: "function", function: { name: "f", arguments: '{"a":1}' }, index: 0 },
        { id: "b", type: "custom", custom: { name: "f", input: "x" } },
      ],
    }, {
      role: "assistant",
      content: "hi",
      tool_calls: [
        { id: "a", type: "function", function: { name: "f", arguments: "{}" }, index: 0 },
        { id: "b", type: "custom", custom: { name: "f", input: "" } },
      ],
    }],
    ["anthropic", {
      role: "user",
      content: [
        {
          type: "tool_result",
          tool_use_id: "a",
          content: [text("x"), { type: "image", source: IMAGE }],
        },
        { type: "tool_result", tool_use_id: "b", is_error: true },
        text("hi"),
      ],
    }, {
      role: "user",
      content: [
        { type: "tool_result", tool_use_id: "a", content: "Done" },
        { type: "tool_result", tool_use_id: "b", is_error: true, content: "Done" },
        text("hi"),
      ],
    }],
    ["anthropic", {
      role: "assistant",
      content: [{
        type: "tool_use",
        id: "a",
        name: "f",
        input: { a: 1 },
        caller: { type: "direct" },
      }],
    }, {
      role: "assistant",
      content: [{ type: "tool_use", id: "a", name: "f", input: {}, caller: { type: "direct" } }],
    }],
    ["gemini", { role: "user", parts: [{ functionResponse: { name: "f", response: { a: 1 } } }] }, {
      role: "user",
      parts: [{ functionResponse: { name: "f", response: { output: "Done" } } }],
    }],
    ["gemini", { role: "user", parts: [{ functionResponse: { name: "f" } }] }, {
      role: "user",
      parts: [{ functionResponse: { name: "f", response: { output: "Done" } } }],
    }],
    ["gemini", {
      role: "model",
      parts: [{ functionCall: { name: "f", args: { a: 1 } }, thoughtSignature: "c2ln" }],
    }, {
      role: "model",
      parts: [{ functionCall: { name: "f", args: {} }, thoughtSignature: "c2ln" }],
    }],
  ];
  for (const [format, message, wanted] of cases) {
    const changed = [{ id: "m", message: edited(stored(format, message)) }];
    assertEquals<unknown>(show(format, changed), [wanted], JSON.stringify(message));
  }
});

Deno.test("a placeholder of the same length as several texts is not divided among them", () => {
  const message = { role: "tool", tool_call_id: "a", content: [text("Do"), text("it")] };
  const changed = [{ id: "m", message: edited(stored("openai", message)) }];
  assertEquals<unknown>(show("openai", changed), [{ ...message, content: "Done" }]);
});

Deno.test("an edited message is edited in other formats, too", () => {
  const message = {
    role: "user",
    content: [{
      type: "tool_result",
      tool_use_id: "a",
      content: [text("x"), { type: "image", source: IMAGE }],
    }],
  };
  const changed = [{ id: "m", message: edited(stored("anthropic", message)) }];
  assertEquals(show("openai", changed), [{ role: "tool", tool_call_id: "a", content: "Done" }]);
});

Deno.test("a thought is never shown as what was said", () => {
  const thoughts: [Format, JsonObject][] = [
    ["anthropic", {
      role: "assistant",
      content: [{ type: "thinking", thinking: "SECRET", signature: "s" }, text("hi")],
    }],
    ["gemini", { role: "model", parts: [{ text: "SECRET", thought: true }, { text: "hi" }] }],
    ["openai", { role: "assistant", content: "hi", reasoning_content: "SECRET" }],
    ["acontext", {
      role: "assistant",
      parts: [{ type: "thinking", text: "SECRET" }, text("hi")],
    }],
  ];
  for (const [format, message] of thoughts) {
    const found = conversation(format, [message]);
    if (format !== "openai") {
      assertEquals(show("openai", found), [{ role: "assistant", content: "hi" }]);
    }
    const gemini = { role: "model", parts: [{ text: "SECRET", thought: true }, { text: "hi" }] };
    assertEquals(show("gemini", found), [gemini]);
    if (format !== "anthropic") {
      assertEquals(show("anthropic", found), [{ role: "assistant", content: [text("hi")] }]);
    }
  }
});

Deno.test("calls and results without ids get ids that belong together, in every round", () => {
  const called = { role: "model", parts: [{ functionCall: { name: "f" } }] };
  const answered = {
    role: "user",
    parts: [{ functionResponse: { name: "f", response: { output: "x" } } }],
  };
  const both = {
    role: "model",
    parts: [{ functionCall: { name: "f" } }, { functionCall: { name: "g" } }],
  };
  const twice = {
    role: "user",
    parts: [
      { functionResponse: { name: "g", response: { n: 2 } } },
      { functionResponse: { name: "f", response: { n: 1 } } },
    ],
  };
  const messages = conversation("gemini", [called, answered, both, twice]);
  const openai = JSON.stringify(show("openai", messages));
  const calls = [...openai.matchAll(/"id":"(call_\w+)"/g)].map(([, id]) => id);
  const results = [...openai.matchAll(/"tool_call_id":"(call_\w+)"/g)].map(([, id]) => id);
  assertEquals(new Set(calls).size, 3);
  assertEquals(results, [calls[0], calls[2], calls[1]]);
  assertEquals(show("openai", messages), show("openai", messages), "the same in each load");
  const old = conversation("openai", [
    { role: "assistant", content: null, function_call: { name: "f", arguments: "{}" } },
    { role: "function", name: "f", content: "x" },
  ]);
  assertEquals(show("anthropic", old), [
    { role: "assistant", content: [{ type: "tool_use", id: "call_m0_0", name: "f", input: {} }] },
    {
      role: "user",
      content: [{
        type: "tool_result",
        tool_use_id: "call_m0_0",
        content: [text("x")],
        is_error: false,
      }],
    },
  ]);
});

Deno.test("a message with nothing but a file is something valid that names it", () => {
  const message = {
    role: "user",
    parts: [{
      type: "file",
      filename: "a.pdf",
      asset: { sha256: "0", mime: "application/pdf", size_b: 1 },
    }],
  };
  const url = "https://files.test/0";
  const found = (format: Format, urls: Record<string, { url: string }>) =>
    showMessages([{ id: "m", message }], { format, urls })[0]?.messages;
  const linked = { "0": { url } };
  const mention = "[File: a.pdf, application/pdf]";
  assertEquals(found("openai", linked), [{ role: "user", content: mention }]);
  assertEquals(found("anthropic", linked), [{
    role: "user",
    content: [{ type: "document", source: { type: "url", url }, title: "a.pdf" }],
  }]);
  assertEquals(found("gemini", linked), [{
    role: "user",
    parts: [{
      fileData: { fileUri: url, mimeType: "application/pdf", displayName: "a.pdf" },
    }],
  }]);
  assertEquals(found("anthropic", {}), [{ role: "user", content: [text(mention)] }]);
  assertEquals(found("gemini", {}), [{ role: "user", parts: [{ text: mention }] }]);
});

Deno.test("what an earlier version stored of a message is read from its parts", () => {
  const message = {
    role: "assistant",
    parts: [
      { type: "text", text: "no", meta: { is_refusal: true, acontext_sessions: "a nonce" } },
      { type: "image", meta: { type: "base64", media_type: "image/png", data: "AAAA" } },
      {
        type: "tool-call",
        meta: { id: "a", name: "f", arguments: '{"a":1}', acontext_sessions: "a nonce" },
      },
    ],
    meta: { source_format: "openai" },
  };
  for (const format of FORMATS) {
    const [found] = showMessages([{ id: "m", message }], { format, urls: {} });
    assertEquals(JSON.stringify(found?.messages).includes("nonce"), false);
    assertEquals(found?.messages.length, 1);
  }
  assertEquals(show("anthropic", [{ id: "m", message }]), [{
    role: "assistant",
    content: [
      text("no"),
      { type: "image", source: IMAGE },
      { type: "tool_use", id: "a", name: "f", input: { a: 1 } },
    ],
  }]);
});

Deno.test("arguments of a tool call may have any name", () => {
  const input: JsonObject = JSON.parse(
    '{"__proto__":{"a":1},"constructor":null,"b":{"__proto__":[]}}',
  );
  const message = {
    role: "assistant",
    content: [{ type: "tool_use", id: "t1", name: "w", input }],
  };
  const own = stored("anthropic", message);
  assertEquals(
    JSON.stringify(own).includes(
      JSON.stringify('{"__proto__":{"a":1},"b":{"__proto__":[]},"constructor":null}'),
    ),
    true,
  );
  const [back] = show("anthropic", [{ id: "m", message: own }]);
  assertEquals<unknown>(back, message);
});

Deno.test("a message with very many members that a format does not know is shown, and what is omitted of it is bounded", () => {
  const members = Object.fromEntries(
    Array.from({ length: 170_000 }, (_, index) => [`m${index}`, 1]),
  );
  const [block, part] = [{ type: "text", text: "hi", ...members }, { text: "hi", ...members }];
  const messages: [Format, JsonObject][] = [
    ["anthropic", { role: "user", content: [block] }],
    ["openai", { role: "user", content: "hi", ...members }],
    ["gemini", { role: "user", parts: [part] }],
  ];
  for (const [format, message] of messages) {
    const kept = conversation(format, [message]);
    assertEquals(show(format, kept), [message], format);
    for (const other of FORMATS.filter((name) => name !== format)) {
      const [shown] = showMessages(kept, { format: other, urls: {} });
      assertEquals(shown?.omitted.length, 101, `${format} in ${other}`);
      assertEquals(shown?.omitted.at(-1), { at: [], reason: "no_equivalent" });
    }
  }
});
