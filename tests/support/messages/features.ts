/** What messages can have, one example each. docs/conversations.md shows what becomes of them. @module */

import type { Format } from "../../../supabase/functions/_acontext_sessions/core/messages/ports.ts";
import type { JsonObject } from "../../../supabase/functions/_acontext_sessions/core/ports.ts";

export interface Feature {
  name: string;
  message: JsonObject;
}

const BYTES = "AAAA";
const text = { type: "text", text: "hi" };

function user(...content: JsonObject[]): JsonObject {
  return { role: "user", content };
}
function assistant(...content: JsonObject[]): JsonObject {
  return { role: "assistant", content };
}
function parts(role: string, ...all: JsonObject[]): JsonObject {
  return { role, parts: all };
}

const call = { id: "call_1", type: "function", function: { name: "f", arguments: '{"a":1}' } };
const base64 = (media_type: string) => ({ type: "base64", media_type, data: BYTES });
const file = { type: "file", file_id: "file_1" };

const openai: Feature[] = [
  { name: "text, as a string", message: { role: "user", content: "hi" } },
  { name: "text, in parts", message: user(text, text) },
  { name: "`name`", message: { role: "user", content: "hi", name: "ann" } },
  { name: "role `system`", message: { role: "system", content: "hi" } },
  { name: "role `developer`", message: { role: "developer", content: "hi" } },
  {
    name: "`image_url`",
    message: user({ type: "image_url", image_url: { url: `data:image/png;base64,${BYTES}` } }),
  },
  {
    name: "`input_audio`",
    message: user({ type: "input_audio", input_audio: { data: BYTES, format: "wav" } }),
  },
  {
    name: "`file` with `file_data`",
    message: user({
      type: "file",
      file: { file_data: `data:application/pdf;base64,${BYTES}`, filename: "a.pdf" },
    }),
  },
  { name: "`file` with `file_id`", message: user({ type: "file", file: { file_id: "file_1" } }) },
  { name: "`refusal`", message: { role: "assistant", content: null, refusal: "no" } },
  { name: "`refusal`, a part", message: assistant({ type: "refusal", refusal: "no" }) },
  {
    name: "two `tool_calls`",
    message: { role: "assistant", content: null, tool_calls: [call, { ...call, id: "call_2" }] },
  },
  {
    name: "`tool_calls`, custom",
    message: {
      role: "assistant",
      tool_calls: [{ id: "call_1", type: "custom", custom: { name: "f", input: "x" } }],
    },
  },
  { name: "role `tool`", message: { role: "tool", tool_call_id: "call_1", content: "x" } },
  {
    name: "role `tool`, in parts",
    message: { role: "tool", tool_call_id: "call_1", content: [text, text] },
  },
  {
    name: "`function_call`",
    message: { role: "assistant", content: null, function_call: { name: "f", arguments: "{}" } },
  },
  { name: "role `function`", message: { role: "function", name: "f", content: "x" } },
  {
    name: "`reasoning_content`",
    message: { role: "assistant", content: "hi", reasoning_content: "hm" },
  },
  {
    name: "`reasoning_details`",
    message: { role: "assistant", content: "hi", reasoning_details: [{ data: "x" }] },
  },
  {
    name: "`annotations`",
    message: { role: "assistant", content: "hi", annotations: [{ type: "url_citation" }] },
  },
  { name: "`audio`", message: { role: "assistant", content: "hi", audio: { id: "audio_1" } } },
  {
    name: "`extra_content` of a call",
    message: { role: "assistant", tool_calls: [{ ...call, extra_content: { google: {} } }] },
  },
];

const anthropic: Feature[] = [
  { name: "text, as a string", message: { role: "user", content: "hi" } },
  { name: "text, in blocks", message: user(text, text) },
  { name: "role `system`", message: { role: "system", content: "hi" } },
  { name: "`cache_control`", message: user({ ...text, cache_control: { type: "ephemeral" } }) },
  { name: "`citations`", message: assistant({ ...text, citations: [{ type: "char_location" }] }) },
  { name: "`image`, base64", message: user({ type: "image", source: base64("image/png") }) },
  {
    name: "`image`, URL",
    message: user({ type: "image", source: { type: "url", url: "https://x.test/a.png" } }),
  },
  { name: "`image`, file", message: user({ type: "image", source: file }) },
  {
    name: "`document`, base64",
    message: user({ type: "document", title: "a", source: base64("application/pdf") }),
  },
  {
    name: "`document`, text",
    message: user({
      type: "document",
      title: "a",
      source: { type: "text", media_type: "text/plain", data: "x" },
    }),
  },
  {
    name: "`document`, content",
    message: user({ type: "document", source: { type: "content", content: [text] } }),
  },
  {
    name: "`document`, URL",
    message: user({ type: "document", source: { type: "url", url: "https://x.test/a.pdf" } }),
  },
  { name: "`document`, file", message: user({ type: "document", source: file }) },
  {
    name: "`search_result`",
    message: user({ type: "search_result", source: "x", title: "a", content: [text] }, text),
  },
  {
    name: "`thinking`",
    message: assistant({ type: "thinking", thinking: "hm", signature: "sig" }, text),
  },
  {
    name: "`thinking`, empty",
    message: assistant({ type: "thinking", thinking: "", signature: "sig" }, text),
  },
  {
    name: "`redacted_thinking`",
    message: assistant({ type: "redacted_thinking", data: "enc" }, text),
  },
  {
    name: "two `tool_use`",
    message: assistant(
      { type: "tool_use", id: "toolu_1", name: "f", input: { a: 1 } },
      { type: "tool_use", id: "toolu_2", name: "f", input: {} },
    ),
  },
  {
    name: "two `tool_result`",
    message: user(
      { type: "tool_result", tool_use_id: "toolu_1", content: "x" },
      { type: "tool_result", tool_use_id: "toolu_2", content: [text, text] },
    ),
  },
  {
    name: "`tool_result`, an image in it",
    message: user({
      type: "tool_result",
      tool_use_id: "toolu_1",
      content: [{ type: "image", source: base64("image/png") }],
    }),
  },
  {
    name: "`tool_result`, an error",
    message: user({ type: "tool_result", tool_use_id: "toolu_1", content: "x", is_error: true }),
  },
  {
    name: "`server_tool_use`",
    message: assistant(
      { type: "server_tool_use", id: "srvtoolu_1", name: "web_search", input: { query: "x" } },
      text,
    ),
  },
  {
    name: "`web_search_tool_result`",
    message: assistant(
      { type: "web_search_tool_result", tool_use_id: "srvtoolu_1", content: [] },
      text,
    ),
  },
  {
    name: "`container_upload`",
    message: user({ type: "container_upload", file_id: "file_1" }, text),
  },
];

const inline = (mimeType: string) => ({ inlineData: { mimeType, data: BYTES } });
const gemini: Feature[] = [
  { name: "`text`", message: parts("user", { text: "hi" }) },
  {
    name: "`thought`",
    message: parts(
      "model",
      { text: "hm", thought: true, thoughtSignature: "c2ln" },
      { text: "hi" },
    ),
  },
  { name: "`thoughtSignature`", message: parts("model", { text: "hi", thoughtSignature: "c2ln" }) },
  {
    name: "two `functionCall`",
    message: parts(
      "model",
      { functionCall: { id: "a", name: "f", args: { a: 1 } } },
      { functionCall: { id: "b", name: "f" } },
    ),
  },
  {
    name: "`functionCall`, no id",
    message: parts("model", { functionCall: { name: "f" }, thoughtSignature: "c2ln" }),
  },
  {
    name: "`functionResponse`, no id",
    message: parts("user", { functionResponse: { name: "f", response: { output: "x" } } }),
  },
  {
    name: "`functionResponse`, an image in it",
    message: parts("user", {
      functionResponse: { id: "a", name: "f", response: {}, parts: [inline("image/png")] },
    }),
  },
  { name: "`inlineData`, an image", message: parts("user", inline("image/png")) },
  { name: "`inlineData`, audio", message: parts("user", inline("audio/wav")) },
  { name: "`inlineData`, a video", message: parts("user", inline("video/mp4")) },
  { name: "`inlineData`, a PDF", message: parts("user", inline("application/pdf")) },
  {
    name: "`fileData`, a link",
    message: parts("user", {
      fileData: { fileUri: "https://x.test/a.pdf", mimeType: "application/pdf" },
    }),
  },
  {
    name: "`fileData`, at Google",
    message: parts("user", { fileData: { fileUri: "gs://a/b.pdf", mimeType: "application/pdf" } }),
  },
  {
    name: "`executableCode`",
    message: parts("model", { executableCode: { code: "1", language: "PYTHON" } }, { text: "hi" }),
  },
  {
    name: "`toolCall`",
    message: parts("model", { toolCall: { toolType: "GOOGLE_MAPS" } }, { text: "hi" }),
  },
  {
    name: "`videoMetadata`",
    message: parts("user", { ...inline("video/mp4"), videoMetadata: { fps: 1 } }),
  },
];

const acontext: Feature[] = [
  { name: "`text`", message: parts("user", text) },
  { name: "`thinking`", message: parts("assistant", { type: "thinking", text: "hm" }, text) },
  {
    name: "`image`",
    message: parts("user", { type: "image", meta: { url: "https://x.test/a.png" } }),
  },
  {
    name: "`image`, attached",
    message: parts("user", {
      type: "image",
      filename: "a.png",
      asset: { sha256: "0", mime: "image/png", size_b: 1 },
    }),
  },
  {
    name: "`file`, attached",
    message: parts("user", {
      type: "file",
      filename: "a.pdf",
      asset: { sha256: "0", mime: "application/pdf", size_b: 1 },
    }),
  },
  {
    name: "`video`, attached",
    message: parts("user", {
      type: "video",
      filename: "a.mp4",
      asset: { sha256: "0", mime: "video/mp4", size_b: 1 },
    }),
  },
  {
    name: "`tool-call`",
    message: parts("assistant", {
      type: "tool-call",
      meta: { id: "a", name: "f", arguments: "{}" },
    }),
  },
  {
    name: "`tool-result`",
    message: parts("user", {
      type: "tool-result",
      text: "x",
      meta: { tool_call_id: "a", name: "f" },
    }),
  },
  { name: "`data`", message: parts("user", { type: "data", meta: { data_type: "x" } }, text) },
];

export const FEATURES: Record<Format, Feature[]> = { openai, anthropic, gemini, acontext };
