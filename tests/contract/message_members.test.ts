import { assertEquals, equal } from "@std/assert/mod.js";
import { uniqueBlob } from "../../supabase/functions/_acontext_sessions/acontext/unique_content.ts";
import { showMessages } from "../../supabase/functions/_acontext_sessions/core/messages/formats/show.ts";
import { withoutKept } from "../../supabase/functions/_acontext_sessions/core/messages/formats/parts.ts";
import type { Json, JsonObject } from "../../supabase/functions/_acontext_sessions/core/ports.ts";
import { type Api, dataOf } from "./api.ts";
import { contractTest } from "./harness.ts";
import { loadedSchema, messageSchema } from "./shapes.ts";

const FORMATS = ["openai", "anthropic", "gemini", "acontext"] as const;
type Format = typeof FORMATS[number];

interface Case {
  name: string;
  format: Format;
  stored: JsonObject;
  /** In the same format; what was stored when left out. */
  loaded?: JsonObject;
}

const text = { type: "text", text: "hi" };
const said = { role: "assistant", content: "hi" };
const called = { id: "call_1", type: "function", function: { name: "w", arguments: '{"b":"<"}' } };
const IMAGE = "AAAA";
const DATA_URL = `data:image/png;base64,${IMAGE}`;

/** Messages as the official SDKs make them, and what Acontext makes of them. */
const CASES: Case[] = [
  {
    name: "openai: an answer in JavaScript",
    format: "openai",
    stored: { ...said, refusal: null, annotations: [] },
    loaded: said,
  },
  {
    name: "openai: an answer in Python",
    format: "openai",
    stored: { ...said, refusal: null, audio: null, function_call: null, tool_calls: null },
    loaded: said,
  },
  {
    name: "openai: what Acontext does not keep",
    format: "openai",
    stored: { ...said, refusal: "no", annotations: [{ a: 1 }], reasoning_content: "hm" },
    loaded: said,
  },
  {
    name: "openai: no tool calls",
    format: "openai",
    stored: { ...said, tool_calls: [] },
    loaded: said,
  },
  {
    name: "openai: parts with notes",
    format: "openai",
    stored: { role: "user", content: [{ ...text, annotations: [], cache_control: null }, text] },
    loaded: { role: "user", content: [text, text] },
  },
  {
    name: "openai: tool calls without content",
    format: "openai",
    stored: {
      role: "assistant",
      content: null,
      refusal: null,
      tool_calls: [{ ...called, index: 0 }],
    },
    loaded: { role: "assistant", tool_calls: [called] },
  },
  {
    name: "openai: tool calls with empty content",
    format: "openai",
    stored: { role: "assistant", content: "", tool_calls: [called] },
    loaded: { role: "assistant", tool_calls: [called] },
  },
  {
    name: "openai: empty arguments",
    format: "openai",
    stored: {
      ...said,
      tool_calls: [{ ...called, function: { name: "w", arguments: "" } }],
    },
    loaded: { ...said, tool_calls: [{ ...called, function: { name: "w", arguments: '""' } }] },
  },
  {
    name: "openai: a result in parts",
    format: "openai",
    stored: { role: "tool", tool_call_id: "call_1", content: [text, text], name: "w" },
    loaded: { role: "tool", tool_call_id: "call_1", content: "hihi" },
  },
  {
    name: "openai: an empty result",
    format: "openai",
    stored: { role: "tool", tool_call_id: "call_1", content: "" },
  },
  {
    name: "openai: media",
    format: "openai",
    stored: {
      role: "user",
      name: "ann",
      content: [
        text,
        { type: "image_url", image_url: { url: DATA_URL } },
        { type: "image_url", image_url: { url: DATA_URL, detail: "low" } },
        { type: "input_audio", input_audio: { data: "AAAA", format: "wav" } },
        { type: "file", file: { file_id: "f1", filename: "a.pdf" } },
      ],
    },
  },
  {
    name: "openai: a refusal among the parts",
    format: "openai",
    stored: { role: "assistant", content: [{ type: "refusal", refusal: "no" }, text] },
    loaded: { role: "assistant", content: [{ type: "text", text: "no" }, text] },
  },
  {
    name: "openai: a system message in parts",
    format: "openai",
    stored: { role: "system", content: [text, text], name: "ann" },
    loaded: { role: "system", content: "hihi", name: "ann" },
  },
  {
    name: "anthropic: an answer",
    format: "anthropic",
    stored: { role: "assistant", content: [{ ...text, citations: null, cache_control: null }] },
    loaded: { role: "assistant", content: [text] },
  },
  {
    name: "anthropic: a whole response",
    format: "anthropic",
    stored: {
      id: "msg_1",
      type: "message",
      role: "assistant",
      content: [text],
      stop_sequence: null,
    },
    loaded: { role: "assistant", content: [text] },
  },
  {
    name: "anthropic: a point to cache up to",
    format: "anthropic",
    stored: {
      role: "user",
      content: [{ ...text, cache_control: { type: "ephemeral", ttl: "1h" } }],
    },
    loaded: { role: "user", content: [{ ...text, cache_control: { type: "ephemeral" } }] },
  },
  {
    name: "anthropic: a plain text",
    format: "anthropic",
    stored: { role: "user", content: "hi" },
    loaded: { role: "user", content: [text] },
  },
  {
    name: "anthropic: thinking and a tool call",
    format: "anthropic",
    stored: {
      role: "assistant",
      content: [
        { type: "thinking", thinking: "hm", signature: "c2ln" },
        text,
        {
          type: "tool_use",
          id: "t1",
          name: "w",
          input: { z: 1.5, a: "<&>\u2028é", "10": [null], "9": 12345678901234567890 },
        },
      ],
    },
  },
  {
    name: "anthropic: results",
    format: "anthropic",
    stored: {
      role: "user",
      content: [
        { type: "tool_result", tool_use_id: "t1", content: "hi" },
        { type: "tool_result", tool_use_id: "t2", content: [text, text], is_error: true },
        { type: "tool_result", tool_use_id: "t3", content: null, is_error: null },
      ],
    },
    loaded: {
      role: "user",
      content: [["t1", "hi"], ["t2", "hihi"], ["t3", ""]].map(([id = "", found = ""]) => ({
        type: "tool_result",
        tool_use_id: id,
        content: [{ type: "text", text: found }],
        is_error: id === "t2",
      })),
    },
  },
  {
    name: "anthropic: documents",
    format: "anthropic",
    stored: {
      role: "user",
      content: [
        {
          type: "document",
          title: "a",
          source: { type: "base64", media_type: "application/pdf", data: "AAAA" },
        },
        { type: "document", source: { type: "url", url: "https://files.invalid/a.pdf" } },
      ],
    },
    loaded: {
      role: "user",
      content: [
        {
          type: "document",
          source: { type: "base64", media_type: "application/pdf", data: "AAAA" },
        },
        { type: "document", source: { type: "url", url: "https://files.invalid/a.pdf" } },
      ],
    },
  },
  {
    name: "gemini: an answer with a signature and what is null",
    format: "gemini",
    stored: {
      role: "model",
      parts: [{ text: "hi", thought: null, thoughtSignature: "c2ln", inlineData: null }],
    },
    loaded: { role: "model", parts: [{ text: "hi" }] },
  },
  {
    name: "gemini: thoughts",
    format: "gemini",
    stored: {
      role: "model",
      parts: [
        { text: "hm", thought: true, thoughtSignature: "c2ln" },
        { text: "hm", thought: true },
        { text: "hi" },
      ],
    },
  },
];

/** Of these we store more than Acontext does, or what its own format can hold. */
const RICHER = ["openai: what Acontext does not keep"];
const OURS_ALONE: Case[] = [
  {
    name: "openai: a result of an old function",
    format: "openai",
    stored: { role: "function", name: "w", content: "hi" },
    loaded: { role: "tool", tool_call_id: "", content: "hi" },
  },
  {
    name: "gemini: a call",
    format: "gemini",
    stored: { role: "model", parts: [{ text: "hi" }, { functionCall: { id: "g", name: "w" } }] },
  },
];

async function put(api: Api, { stored }: Case, { format, blob }: { format: Format; blob: Json }) {
  const id = await api.session({ disable_task_tracking: true });
  const json = { format, blob, meta: { stored: JSON.stringify(stored).length } };
  dataOf(await api.call("POST", `/session/${id}/messages`, { json }), messageSchema);
  return id;
}

const OWN_MEMBERS = ["id", "session_id", "created_at", "updated_at"];

/** The message in every format, without what is each message's own. */
async function shown(api: Api, id: string) {
  const formats: Record<string, unknown> = {};
  for (const format of FORMATS) {
    const answer = await api.call("GET", `/session/${id}/messages`, { query: { format } });
    const { items, this_time_tokens: tokens } = dataOf(answer, loadedSchema);
    const [message = {}] = items;
    const rest = Object.fromEntries(
      Object.entries(message).filter(([member]) => !OWN_MEMBERS.includes(member)),
    );
    const parts: Json = JSON.parse(JSON.stringify(rest["parts"] ?? null));
    formats[format] = {
      ...rest,
      ...(format === "acontext" && Array.isArray(parts) ? { parts: parts.map(withoutKept) } : {}),
      tokens,
    };
  }
  return formats;
}

function marked({ format, stored }: Case) {
  return uniqueBlob(
    { format, message: stored, meta: {}, attachments: new Map() },
    "one-of-a-kind",
  );
}

contractTest("of a message is kept what Acontext knows, whatever else is in it", async (api) => {
  for (const kind of [...CASES, ...OURS_ALONE]) {
    const id = await put(api, kind, { format: kind.format, blob: kind.stored });
    const { [kind.format]: found } = await shown(api, id);
    const { tokens: _tokens, ...message } = { tokens: 0, ...(found ?? {}) };
    assertEquals<unknown>(message, kind.loaded ?? kind.stored, kind.name);
  }
});

contractTest("what we store of a message is what Acontext would, and our mark", async (api) => {
  for (const kind of CASES) {
    const blob = marked(kind);
    assertEquals(JSON.stringify(blob).includes("one-of-a-kind"), true, kind.name);
    if (RICHER.includes(kind.name)) continue;
    const own = await put(api, kind, { format: kind.format, blob: kind.stored });
    const unique = await put(api, kind, blob);
    assertEquals(await shown(api, unique), await shown(api, own), kind.name);
  }
});

contractTest("what only Acontext could convert is stored in its own format, too", async (api) => {
  for (const kind of OURS_ALONE) {
    const id = await put(api, kind, marked(kind));
    const { acontext } = await shown(api, id);
    assertEquals(JSON.stringify(acontext).includes("tool-"), true, kind.name);
  }
});

contractTest("a conversation of such messages is edited alike", async (api) => {
  const make = async (toBlob: (kind: Case) => { format: Format; blob: Json }) => {
    const id = await api.session({ disable_task_tracking: true });
    for (const kind of CASES.filter(({ name }) => !RICHER.includes(name))) {
      const answer = await api.call("POST", `/session/${id}/messages`, { json: toBlob(kind) });
      assertEquals(answer.status, 201, kind.name);
    }
    return id;
  };
  const own = await make(({ format, stored }) => ({ format, blob: stored }));
  const unique = await make(marked);
  for (
    const strategy of [
      { type: "remove_tool_result", params: { keep_recent_n_tool_results: 1 } },
      { type: "remove_tool_call_params", params: { keep_recent_n_tool_calls: 1 } },
      { type: "middle_out", params: { token_reduce_to: 60 } },
      { type: "token_limit", params: { limit_tokens: 60 } },
    ]
  ) {
    for (const format of ["openai", "anthropic", "gemini"] as const) {
      const query = { format, edit_strategies: JSON.stringify([strategy]) };
      const load = async (id: string) => {
        const answer = await api.call("GET", `/session/${id}/messages`, { query });
        const { items, this_time_tokens } = dataOf(answer, loadedSchema);
        return { items, this_time_tokens };
      };
      assertEquals(await load(unique), await load(own), `${strategy.type}, ${format}`);
    }
  }
});

contractTest(
  "the bytes of images come back in every format, where Acontext alone would lose them",
  async (api) => {
    const openai = {
      role: "user",
      content: [{ type: "image_url", image_url: { url: DATA_URL } }, text],
    };
    const source = { type: "base64", media_type: "image/png", data: IMAGE };
    const anthropic = { role: "user", content: [{ type: "image", source }, text] };
    const data = { inlineData: { mimeType: "image/png", data: IMAGE } };
    const gemini = { role: "user", parts: [data, { text: "hi" }] };
    const blobs = [["openai", openai], ["anthropic", anthropic], ["gemini", gemini]] as const;
    for (const [format, stored] of blobs) {
      const kind = { name: format, format, stored };
      const { acontext: _own, ...loaded } = await shown(api, await put(api, kind, marked(kind)));
      assertEquals<unknown>(loaded, {
        openai: { ...openai, tokens: 2 },
        anthropic: { ...anthropic, tokens: 2 },
        gemini: { ...gemini, tokens: 2 },
      }, format);
      if (format === "openai") continue;
      const lost = await shown(api, await put(api, kind, { format, blob: stored }));
      assertEquals<unknown>(lost[format], {
        role: "user",
        ...(format === "gemini" ? { parts: [{ text: "hi" }] } : { content: [text] }),
        tokens: 2,
      });
    }
  },
);

/** Where Acontext's conversions lose or bend something, and ours do not. */
const BETTER = [
  "openai: empty arguments, openai",
  "openai: a result in parts, gemini",
  "openai: an empty result, gemini",
  "openai: media, anthropic",
  "openai: media, gemini",
  "openai: a refusal among the parts, openai",
  "openai: a system message in parts, openai",
  "anthropic: thinking and a tool call, openai",
  "anthropic: thinking and a tool call, gemini",
  "anthropic: results, openai",
  "anthropic: results, gemini",
  "anthropic: documents, openai",
  "anthropic: documents, gemini",
  "gemini: thoughts, openai",
  "gemini: thoughts, anthropic",
  "openai: a result of an old function, openai",
  "openai: a result of an old function, anthropic",
  "openai: a result of an old function, gemini",
  "gemini: a call, openai",
  "gemini: a call, anthropic",
];

contractTest(
  "what was stored in a provider's format is shown as Acontext does, or better",
  async (api) => {
    const different: string[] = [];
    for (const kind of [...CASES, ...OURS_ALONE]) {
      const id = await put(api, kind, { format: kind.format, blob: kind.stored });
      const query = { format: "acontext" };
      const answer = await api.call("GET", `/session/${id}/messages`, { query });
      const [own] = dataOf(answer, loadedSchema).items;
      const message: JsonObject = JSON.parse(JSON.stringify(own));
      const theirs = await shown(api, id);
      for (const format of ["openai", "anthropic", "gemini"] as const) {
        const [ours] = showMessages([{ id, message }], { format, urls: {} });
        const { tokens: _tokens, ...wanted } = { tokens: 0, ...(theirs[format] ?? {}) };
        const visible = Object.keys(wanted).length === 0 ? [] : [wanted];
        if (!equal(ours?.messages, visible)) different.push(`${kind.name}, ${format}`);
      }
    }
    assertEquals(different, BETTER);
  },
);
