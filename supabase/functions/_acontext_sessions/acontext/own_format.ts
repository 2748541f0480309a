/**
 * Messages of the three providers in Acontext's own format, with the parts and the notes that Acontext itself would
 * make of them (API 0.1.41, tried for all four formats, token counts and edited loads).
 *
 * Acontext keeps the members that are named here and nothing of the others: not `refusal`, `annotations`, `audio` and
 * `reasoning_content` of OpenAI, nor `citations` and `title` of Anthropic, nor a `thoughtSignature` of Gemini beside
 * plain text. So whether those are null, empty or filled makes no difference.
 *
 * One thing is made better than Acontext makes it: the bytes of an image. Acontext keeps those of Anthropic's and
 * Gemini's where none of its formats looks for them, so they never came back. Here they become a data URL, as OpenAI
 * has it, which comes back in every format.
 *
 * @module
 */
import * as z from "zod";
import type { NewMessage } from "../core/messages/ports.ts";
import type { Json, JsonObject } from "../core/ports.ts";

type Provider = Exclude<NewMessage["format"], "acontext">;

/**
 * The message as Acontext would store it; null where its own format has no place for it. Those are the calls and results
 * of Gemini, which the server pairs by a queue of its own, results of OpenAI's old functions, which have no id, empty
 * thinking blocks, and what the server would refuse.
 */
export function inOwnFormat(format: Provider, message: JsonObject): JsonObject | null {
  const own = PROVIDERS[format].safeParse(message);
  return own.success ? own.data : null;
}

const filled = z.string().min(1);
/** Empty and null are as good as absent. */
const maybe = z.string().nullish().transform((text) => text || undefined);

/** A part, or a message's notes, without what is undefined. */
function compact(members: Record<string, Json | undefined>): JsonObject {
  return JSON.parse(JSON.stringify(members));
}

function textOf(text: string): JsonObject {
  return { type: "text", text };
}

function textsOf(texts: string | { text: string }[] | null | undefined): string {
  return typeof texts === "string" ? texts : (texts ?? []).map(({ text }) => text).join("");
}

function imageOf(mediaType: string, base64: string): JsonObject {
  return { type: "image", meta: { url: `data:${mediaType};base64,${base64}`, detail: "" } };
}

// OpenAI.

const openaiText = z.object({ type: z.literal("text"), text: filled })
  .transform(({ text }) => textOf(text));
const openaiUserPart = z.union([
  openaiText,
  z.object({
    type: z.literal("image_url"),
    image_url: z.object({ url: filled, detail: maybe }),
  }).transform(({ image_url: { url, detail = "" } }): JsonObject => ({
    type: "image",
    meta: { url, detail },
  })),
  z.object({
    type: z.literal("input_audio"),
    input_audio: z.object({ data: z.string(), format: z.string() }),
  }).transform(({ input_audio }): JsonObject => ({ type: "audio", meta: input_audio })),
  z.object({
    type: z.literal("file"),
    file: z.object({ file_id: maybe, file_data: maybe, filename: maybe }),
  }).transform(({ file }): JsonObject => ({ type: "file", meta: compact(file) })),
]);
const openaiAssistantPart = z.union([
  openaiText,
  z.object({ type: z.literal("refusal"), refusal: filled }).transform((
    { refusal },
  ): JsonObject => ({ type: "text", text: refusal, meta: { is_refusal: true } })),
]);
const openaiCalled = z.object({ name: filled, arguments: z.string() });
const openaiCall = z.object({
  id: filled,
  type: z.literal("function"),
  function: openaiCalled,
}).transform(({ id, function: called }): JsonObject => ({
  type: "tool-call",
  meta: { id, ...called, type: "function" },
}));

function textOr<Part extends z.ZodType>(part: Part) {
  return z.union([filled.transform((text) => [textOf(text)]), z.array(part).min(1)]);
}

const openai = z.union([
  z.object({ role: z.literal("user"), content: textOr(openaiUserPart), name: maybe }).transform(
    ({ role, content, name }) => openaiMessage(role, content, { name }),
  ),
  z.object({ role: z.enum(["system", "developer"]), content: textOr(openaiText), name: maybe })
    .transform(({ role, content, name }) =>
      openaiMessage("user", content, { name, original_role: role })
    ),
  z.object({
    role: z.literal("assistant"),
    content: z.union([
      z.union([z.literal(""), z.tuple([]), z.null(), z.undefined()]).transform(() => []),
      textOr(openaiAssistantPart),
    ]).optional(),
    tool_calls: z.array(openaiCall).nullish(),
    function_call: openaiCalled.nullish(),
    name: maybe,
  }).transform(({ role, content, tool_calls, function_call, name }) =>
    openaiMessage(role, [
      ...content ?? [],
      ...tool_calls ?? [],
      ...(function_call
        ? [{ type: "tool-call", meta: { ...function_call, type: "function" } }]
        : []),
    ], { name })
  ),
  z.object({
    role: z.literal("tool"),
    tool_call_id: filled,
    content: z.union([z.string(), z.array(z.object({ text: z.string() }))]),
  }).transform(({ tool_call_id, content }) =>
    openaiMessage("user", [
      { type: "tool-result", text: textsOf(content), meta: { tool_call_id } },
    ], {})
  ),
]);

function openaiMessage(
  role: string,
  parts: JsonObject[],
  notes: Record<string, string | undefined>,
): JsonObject {
  return { role, parts, meta: compact({ source_format: "openai", ...notes }) };
}

// Anthropic.

const cache_control = z.object({ type: filled }).nullish().transform((found) => found ?? undefined);
const inlineSource = z.object({ type: z.literal("base64"), media_type: filled, data: filled });
const linkSource = z.object({ type: z.literal("url"), url: filled });

const anthropicBlock = z.union([
  z.object({ type: z.literal("text"), text: filled, cache_control }).transform((
    { text, cache_control },
  ) => cache_control === undefined ? textOf(text) : { ...textOf(text), meta: { cache_control } }),
  z.object({ type: z.literal("image"), source: inlineSource, cache_control }).transform((
    { source, cache_control },
  ) => withMeta(imageOf(source.media_type, source.data), { cache_control })),
  z.object({ type: z.literal("image"), source: linkSource, cache_control }).transform((
    { source, cache_control },
  ) => withMeta({ type: "image" }, { ...source, cache_control })),
  z.object({
    type: z.literal("document"),
    source: z.union([inlineSource, linkSource]),
    cache_control,
  }).transform(({ source, cache_control }) =>
    withMeta({ type: "file" }, { ...source, cache_control })
  ),
  z.object({
    type: z.literal("tool_use"),
    id: filled,
    name: filled,
    // Not `z.record`, which copies what it reads and drops a member called `__proto__`.
    input: z.custom<JsonObject>(isObject),
    cache_control,
  }).transform(({ id, name, input, cache_control }) =>
    withMeta({ type: "tool-call" }, {
      id,
      name,
      arguments: goJson(input),
      type: "tool_use",
      cache_control,
    })
  ),
  z.object({
    type: z.literal("tool_result"),
    tool_use_id: filled,
    content: z.union([z.string(), z.array(z.object({ text: z.string() }))]).nullish(),
    is_error: z.boolean().nullish(),
    cache_control,
  }).transform(({ tool_use_id, content, is_error, cache_control }) =>
    withMeta({ type: "tool-result", text: textsOf(content) }, {
      tool_call_id: tool_use_id,
      is_error: is_error ?? false,
      cache_control,
    })
  ),
  z.object({ type: z.literal("thinking"), thinking: filled, signature: z.string() }).transform((
    { thinking, signature },
  ): JsonObject => ({ type: "thinking", text: thinking, meta: { signature } })),
]);

const anthropic = z.object({
  role: z.enum(["user", "assistant"]),
  content: textOr(anthropicBlock),
}).transform(({ role, content }): JsonObject => ({
  role,
  parts: content,
  meta: { source_format: "anthropic" },
}));

function withMeta(part: JsonObject, meta: Record<string, Json | undefined>): JsonObject {
  const { meta: own } = part;
  return { ...part, meta: compact({ ...(isObject(own) ? own : {}), ...meta }) };
}

// Gemini.

/** Bytes are decoded and encoded again by Acontext, which refuses every other alphabet. */
const base64 = z.base64();
const geminiPart = z.looseObject({
  text: maybe,
  thought: z.boolean().nullish(),
  thoughtSignature: z.string().nullish(),
  inlineData: z.object({ mimeType: filled, data: base64 }).nullish(),
  functionCall: z.null().optional(),
  functionResponse: z.null().optional(),
}).transform(({ text, thought, thoughtSignature, inlineData }, context): JsonObject => {
  if (text !== undefined) {
    if (!thought) return textOf(text);
    const signature = base64.optional().safeParse(thoughtSignature || undefined);
    if (signature.success) {
      return withMeta({ type: "thinking", text }, { signature: signature.data });
    }
  } else if (inlineData) {
    return imageOf(inlineData.mimeType, inlineData.data);
  }
  context.addIssue({ code: "custom", message: "only Acontext can read it" });
  return z.NEVER;
});

const gemini = z.object({
  role: z.enum(["user", "model"]),
  parts: z.array(geminiPart).min(1),
}).transform(({ role, parts }): JsonObject => ({
  role: role === "model" ? "assistant" : "user",
  parts,
  meta: { source_format: "gemini" },
}));

const PROVIDERS: Record<Provider, z.ZodType<JsonObject>> = { openai, anthropic, gemini };

/** As Go writes JSON: members in the order of their names, and nothing that HTML would take for its own. */
function goJson(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(goJson).join(",")}]`;
  if (isObject(value)) {
    const members = Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1)
      .map(([name, member]) => `${goJson(name)}:${goJson(member ?? null)}`);
    return `{${members.join(",")}}`;
  }
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
