import { assertEquals } from "@std/assert/mod.js";
import {
  fileQuery,
  linkFileQuery,
  uploadFields,
} from "../../../supabase/functions/_acontext_sessions/contract/files.ts";
import {
  DEFAULT_STRATEGIES,
  fileFieldsOf,
  loadMessagesQuery,
  storeMessageBody,
} from "../../../supabase/functions/_acontext_sessions/contract/messages.ts";

/** Where it is wrong; empty when it is not. */
function faults(body: unknown): string[] {
  return (storeMessageBody.safeParse(body).error?.issues ?? []).map(({ path }) => path.join("."));
}

const CALL = { id: "c", type: "function", function: { name: "f", arguments: "{}" } };
const IMAGE = { type: "base64", media_type: "image/png", data: "AA==" };

const GOOD: [string, unknown][] = [
  ["openai", { role: "user", content: "x" }],
  ["openai", { role: "developer", content: [{ type: "text", text: "x", own: 1 }], own: 1 }],
  ["openai", { role: "user", content: [{ type: "image_url", image_url: { url: "data:," } }] }],
  ["openai", { role: "user", content: [{ type: "file", file: { file_id: "f" } }] }],
  ["openai", {
    role: "user",
    content: [{ type: "input_audio", input_audio: { data: "x", format: "wav" } }],
  }],
  ["openai", { role: "assistant", content: null, tool_calls: [CALL], annotations: [] }],
  ["openai", { role: "assistant", content: "", tool_calls: [CALL] }],
  ["openai", { role: "assistant", content: "x", refusal: null, tool_calls: null }],
  ["openai", { role: "assistant", function_call: { name: "f", arguments: "" } }],
  ["openai", { role: "tool", tool_call_id: "c", content: "" }],
  ["openai", { role: "tool", tool_call_id: "c", content: [{ type: "text", text: "x" }] }],
  ["openai", { role: "function", name: "f", content: "x" }],
  ["acontext", { role: "user", parts: [{ type: "image", file_field: "a.b-c_1" }] }],
  ["acontext", { role: "user", parts: [{ type: "image", meta: { url: "https://x" } }] }],
  ["acontext", { role: "assistant", parts: [{ type: "thinking", text: "x" }] }],
  ["acontext", {
    role: "assistant",
    parts: [{ type: "tool-call", meta: { name: "f", arguments: { a: 1 } } }],
  }],
  ["acontext", { role: "user", parts: [{ type: "data", meta: { data_type: "x", y: 1 } }] }],
  ["anthropic", { role: "user", content: "x" }],
  ["anthropic", { role: "user", content: [{ type: "image", source: IMAGE }] }],
  ["anthropic", {
    role: "user",
    content: [{ type: "text", text: "x", cache_control: { type: "ephemeral" } }],
  }],
  ["anthropic", {
    role: "user",
    content: [{ type: "tool_result", tool_use_id: "c", is_error: true }],
  }],
  ["anthropic", {
    role: "assistant",
    content: [{ type: "tool_use", id: "c", name: "f", input: {} }],
  }],
  ["openai", { role: "user", content: "x", name: null }],
  ["openai", {
    role: "user",
    content: [{ type: "file", file: { file_id: null, file_data: "data:,", filename: null } }],
  }],
  ["anthropic", {
    role: "user",
    content: [{ type: "tool_result", tool_use_id: "c", content: null, is_error: null }],
  }],
  ["gemini", { role: "user", parts: [{ text: "x" }] }],
  ["gemini", { role: "model", parts: [{ text: "x", functionCall: null, inlineData: null }] }],
  ["gemini", {
    role: "model",
    parts: [{ text: null, functionCall: { name: "f", args: null, id: null } }],
  }],
  ["gemini", { role: "model", parts: [{ functionCall: { name: "f" }, thoughtSignature: "s" }] }],
  ["gemini", { role: "user", parts: [{ functionResponse: { name: "f", response: {} } }] }],
  ["gemini", { role: "user", parts: [{ fileData: { fileUri: "x" } }] }],
  ["gemini", { role: "model", parts: [{ text: "", thoughtSignature: "s" }] }],
  ["gemini", {
    role: "user",
    parts: [
      { functionResponse: { name: "f", response: {} } },
      { inlineData: { mimeType: "image/png", data: "AA==" } },
    ],
  }],
  ["anthropic", { role: "system", content: "x" }],
  ["anthropic", { role: "assistant", content: [{ type: "redacted_thinking", data: "x" }] }],
  ["anthropic", {
    role: "user",
    content: [{ type: "document", source: { type: "text", media_type: "text/plain", data: "x" } }],
  }],
  ["anthropic", {
    role: "user",
    content: [{
      type: "tool_result",
      tool_use_id: "c",
      content: [{ type: "image", source: IMAGE }],
    }],
  }],
  ["openai", { role: "assistant", content: null, refusal: "no" }],
  ["openai", {
    role: "assistant",
    tool_calls: [{ id: "c", type: "custom", custom: { name: "f", input: "" } }],
  }],
  ["openai", { role: "function", name: "f", content: null }],
];

Deno.test("what providers write is stored as it is", () => {
  for (const [format, message] of GOOD) {
    const result = storeMessageBody.safeParse({ format, message });
    assertEquals(result.error?.issues, undefined, JSON.stringify(message));
    assertEquals<unknown>(result.data?.message, message);
  }
});

const BAD: [string, unknown, string][] = [
  ["openai", "x", "message"],
  ["openai", { role: "user", content: [] }, "message.content"],
  ["openai", { role: "assistant" }, "message"],
  ["openai", { role: "assistant", tool_calls: [] }, "message"],
  ["openai", {
    role: "assistant",
    tool_calls: [{ ...CALL, function: { name: "f", arguments: {} } }],
  }, "message.tool_calls.0.function.arguments"],
  ["openai", { role: "tool", content: "x" }, "message.tool_call_id"],
  ["acontext", { role: "system", parts: [{ type: "text", text: "x" }] }, "message.role"],
  ["acontext", { role: "user", parts: [] }, "message.parts"],
  ["acontext", { role: "user", parts: [{ type: "text" }] }, "message.parts.0.text"],
  ["acontext", { role: "user", parts: [{ type: "image" }] }, "message.parts.0"],
  [
    "acontext",
    { role: "user", parts: [{ type: "image", file_field: "a\r\nb" }] },
    "message.parts.0.file_field",
  ],
  [
    "acontext",
    { role: "user", parts: [{ type: "tool-result", meta: {} }] },
    "message.parts.0.meta.tool_call_id",
  ],
  ["anthropic", { role: "tool", content: "x" }, "message.role"],
  ["anthropic", { role: "user", content: [{ type: "text2", text: "x" }] }, "message.content"],
  ["anthropic", { role: "user", content: [{ type: "tool_use" }] }, "message.content"],
  ["gemini", { role: "user", parts: [{}] }, "message.parts.0"],
  ["gemini", { role: "user", parts: [{ fileData: {} }] }, "message.parts.0.fileData.fileUri"],
  ["gemini", { role: "assistant", parts: [{ text: "x" }] }, "message.role"],
  ["gemini", { role: "user", parts: [{ text: null }] }, "message.parts.0"],
  ["gemini", {
    role: "user",
    parts: [{ inlineData: { mimeType: "image/png", data: "-_==" } }],
  }, "message.parts.0.inlineData.data"],
  ["openai", { role: "user", content: [{ type: "text", text: "a\0" }] }, "message.content.0.text"],
  ["openai", { role: "tool", tool_call_id: "c", content: "\ud83d" }, "message.content"],
];

Deno.test("what is no message of its format is refused, by field", () => {
  for (const [format, message, path] of BAD) {
    assertEquals(faults({ format, message })[0], path, JSON.stringify(message));
  }
});

Deno.test("a text that cannot be stored is refused with how to mend it", () => {
  const message = { role: "tool", tool_call_id: "c", content: "half an emoji: \ud83d" };
  const [issue] = storeMessageBody.safeParse({ message }).error?.issues ?? [];
  assertEquals(issue?.message.includes("toWellFormed"), true);
});

Deno.test("no problem with a message quotes it", () => {
  for (const [format] of BAD) {
    const message = {
      role: "secret",
      type: "secret",
      content: [{ type: "secret" }],
      parts: "secret",
    };
    const result = storeMessageBody.safeParse({ format, message });
    const texts = (result.error?.issues ?? []).map((issue) => issue.message).join();
    assertEquals(texts.includes("secret"), false);
  }
});

Deno.test("a member called __proto__ is stored like any other", () => {
  const message = JSON.parse('{"role":"user","content":"x","__proto__":{"a":1}}');
  const stored = storeMessageBody.parse({ message });
  assertEquals(JSON.stringify(stored.message), JSON.stringify(message));
});

Deno.test("files are asked for by parts in the format acontext only", () => {
  const message = { role: "user", parts: [{ type: "image", file_field: "a" }] };
  assertEquals(fileFieldsOf(storeMessageBody.parse({ format: "acontext", message })), ["a"]);
  const openai = { role: "user", content: "x", parts: message.parts };
  assertEquals(fileFieldsOf(storeMessageBody.parse({ message: openai })), []);
});

Deno.test("the default strategies pass their own check", () => {
  const { editStrategies } = loadMessagesQuery.parse({
    editStrategies: JSON.stringify(DEFAULT_STRATEGIES),
  });
  assertEquals<unknown>(editStrategies, DEFAULT_STRATEGIES);
  assertEquals(loadMessagesQuery.parse({}), {
    format: "openai",
    withAssetPublicUrl: true,
    allowIncomplete: false,
  });
});

Deno.test("places are kept as they are or refused", () => {
  const names = ["a", "a b", ".a", "a.", "é\u0301", "%2F", "a\\b", '"', "...".slice(2), "a.b.c"];
  for (const filename of names.filter((name) => name !== ".")) {
    assertEquals(fileQuery.parse({ filename }), { path: "/", filename });
    assertEquals(fileQuery.parse({ path: `/${filename}/`, filename: "x" }).path, `/${filename}/`);
  }
  for (const filename of ["", ".", "..", "a..b", "a/b", "\u00a0a", "a\t", "\x7f", "\ud800"]) {
    assertEquals(fileQuery.safeParse({ filename }).success, false, JSON.stringify(filename));
    if (filename !== "") {
      const path = `/${filename}/`;
      // A directory within a directory is no file name, but a path.
      assertEquals(fileQuery.safeParse({ path, filename: "x" }).success, filename === "a/b", path);
    }
  }
  assertEquals(fileQuery.safeParse({ filename: ".acontext-sessions" }).success, false);
  assertEquals(uploadFields.parse({}), { path: "/" });
  assertEquals(linkFileQuery.parse({ filename: "a" }).expires, 3600);
});
