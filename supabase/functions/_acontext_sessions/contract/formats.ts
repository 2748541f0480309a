/**
 * Messages in the four formats, as far as Acontext needs their shape: what it would refuse, or silently leave out, is
 * refused here. Fields that we do not name pass through.
 *
 * @module
 */
import * as z from "zod";
import type { Format } from "../core/messages/ports.ts";

const filled = z.string({ error: "must be a string" }).min(1, { error: "must not be empty" });
const object = z.custom<object>(
  (value) => typeof value === "object" && value !== null && !Array.isArray(value),
  { error: "must be a JSON object" },
).meta({ type: "object" });

function list<Item extends z.ZodType>(item: Item) {
  return z.array(item, { error: "must be a list" }).min(1, { error: "must not be empty" });
}

/** A union without the list of everything that each of its members misses. */
function oneOf<Options extends readonly [z.ZodType, ...z.ZodType[]]>(
  error: string,
  options: Options,
) {
  return z.union(options, { error });
}

// OpenAI chat messages: https://platform.openai.com/docs/api-reference/chat/create

const openaiText = z.looseObject({ type: z.literal("text"), text: filled });
const openaiPart = z.discriminatedUnion("type", [
  openaiText,
  z.looseObject({ type: z.literal("refusal"), refusal: filled }),
  z.looseObject({ type: z.literal("image_url"), image_url: z.looseObject({ url: filled }) }),
  z.looseObject({
    type: z.literal("input_audio"),
    input_audio: z.looseObject({ data: filled, format: filled }),
  }),
  z.looseObject({
    type: z.literal("file"),
    file: z.looseObject({
      file_id: filled.nullish(),
      file_data: filled.nullish(),
      filename: filled.nullish(),
    }).refine((file) => file.file_id || file.file_data, {
      error: "must have file_id or file_data",
    }),
  }),
], { error: "must have a type that can be stored" });

const openaiContent = oneOf("must be a string or a list of content parts, and not empty", [
  filled,
  list(openaiPart),
]);
const openaiResult = oneOf("must be a string or a list of text parts", [
  z.string(),
  list(z.looseObject({ type: z.literal("text"), text: z.string() })),
]);
const openaiCalled = z.looseObject({ name: filled, arguments: z.string() });
const name = filled.nullish();

const openai = z.discriminatedUnion("role", [
  z.looseObject({
    role: z.enum(["user", "system", "developer"]),
    content: openaiContent,
    name,
  }),
  z.looseObject({
    role: z.literal("assistant"),
    content: oneOf("must be a string, a list of content parts or null", [
      z.string(),
      z.array(openaiPart),
      z.null(),
    ]).optional(),
    tool_calls: z.array(z.looseObject({
      id: filled,
      type: z.literal("function"),
      function: openaiCalled,
    })).nullish(),
    function_call: openaiCalled.nullish(),
    name,
  }).refine(
    ({ content, tool_calls, function_call }) =>
      (content?.length ?? 0) + (tool_calls?.length ?? 0) > 0 || function_call,
    { error: "must have content or tool calls" },
  ),
  z.looseObject({ role: z.literal("tool"), tool_call_id: filled, content: openaiResult }),
  z.looseObject({ role: z.literal("function"), name: filled, content: openaiResult }),
], { error: "must have one of OpenAI's roles" });

// Acontext's own.

const meta = object.nullish();
const callMeta = z.looseObject({
  name: filled,
  arguments: oneOf("must be a JSON object, or one as a string", [z.string(), object]),
});
const media = z.looseObject({
  type: z.enum(["image", "audio", "video", "file"]),
  file_field: z.string().regex(/^[\w.-]{1,100}$/, {
    error: 'must be 1 to 100 letters, digits, "_", "." or "-"',
  }).optional(),
  meta,
}).refine((part) => part.file_field !== undefined || part.meta, {
  error: "must have file_field, or meta that tells where the content is",
});

const acontext = z.looseObject({
  role: z.enum(["user", "assistant"], { error: 'must be "user" or "assistant"' }),
  parts: list(z.discriminatedUnion("type", [
    z.looseObject({ type: z.enum(["text", "thinking"]), text: filled, meta }),
    z.looseObject({ type: z.literal("redacted_thinking"), meta }),
    media,
    z.looseObject({ type: z.literal("tool-call"), meta: callMeta }),
    z.looseObject({
      type: z.literal("tool-result"),
      text: z.string().nullish(),
      meta: z.looseObject({ tool_call_id: filled }),
    }),
    z.looseObject({ type: z.literal("data"), meta: z.looseObject({ data_type: filled }) }),
  ], { error: "must have one of Acontext's types" })),
  meta,
});

// Anthropic messages: https://docs.anthropic.com/en/api/messages

/** Of every other source, `text` for one, Acontext keeps nothing. */
const source = z.discriminatedUnion("type", [
  z.looseObject({ type: z.literal("base64"), media_type: filled, data: filled }),
  z.looseObject({ type: z.literal("url"), url: filled }),
], { error: 'must be of type "base64" or "url": Acontext keeps no other' });

const anthropicShared = [
  z.looseObject({ type: z.literal("text"), text: filled }),
  z.looseObject({ type: z.literal("image"), source }),
  z.looseObject({ type: z.literal("document"), source }),
] as const;

const anthropicUser = z.discriminatedUnion("type", [
  ...anthropicShared,
  z.looseObject({
    type: z.literal("tool_result"),
    tool_use_id: filled,
    // Acontext keeps the text of a result and nothing else.
    content: oneOf("must be a string or a list of text blocks", [
      z.string(),
      z.array(z.looseObject({ type: z.literal("text"), text: z.string() })),
    ]).nullish(),
    is_error: z.boolean().nullish(),
  }),
], { error: "must have a type that can be stored for this role" });

const anthropicAssistant = z.discriminatedUnion("type", [
  ...anthropicShared,
  z.looseObject({ type: z.literal("tool_use"), id: filled, name: filled, input: object }),
  z.looseObject({ type: z.literal("thinking"), thinking: z.string(), signature: z.string() }),
], { error: "must have a type that can be stored for this role" });

const anthropic = z.discriminatedUnion("role", [
  z.looseObject({
    role: z.literal("user"),
    content: oneOf("must be a string or a list of blocks a user can send, and not empty", [
      filled,
      list(anthropicUser),
    ]),
  }),
  z.looseObject({
    role: z.literal("assistant"),
    content: oneOf("must be a string or a list of blocks an assistant can send, and not empty", [
      filled,
      list(anthropicAssistant),
    ]),
  }),
], { error: 'must have the role "user" or "assistant"' });

// Gemini contents: https://ai.google.dev/api/caching#Content

const geminiText = z.looseObject({ text: filled });
const geminiData = z.looseObject({
  inlineData: z.looseObject({
    mimeType: filled,
    data: filled.pipe(z.base64({ error: "must be base64" })),
  }),
});
const geminiCall = z.looseObject({
  functionCall: z.looseObject({ name: filled, args: object.nullish(), id: filled.nullish() }),
});
const geminiResponse = z.looseObject({
  functionResponse: z.looseObject({
    name: filled,
    response: object.nullish(),
    id: filled.nullish(),
  }),
});

/** Acontext reads one of these of each part and drops the others. */
const GEMINI_KINDS = ["text", "inlineData", "functionCall", "functionResponse"];
function hasOneKind(part: Record<string, unknown>): boolean {
  return GEMINI_KINDS.filter((kind) => (part[kind] ?? null) !== null).length === 1;
}

/** Acontext pairs calls and results itself, in Gemini's format alone, of which it does not give inline data back. */
function canKeepData({ parts }: { parts: Record<string, unknown>[] }): boolean {
  const holds = (...kinds: string[]) =>
    parts.some((part) => kinds.some((kind) => (part[kind] ?? null) !== null));
  return !holds("inlineData") || !holds("functionCall", "functionResponse");
}
const DATA_APART = {
  path: ["parts"],
  error: "must not hold inlineData beside a functionCall or functionResponse: Acontext drops it",
};

const gemini = z.discriminatedUnion("role", [
  z.looseObject({
    role: z.literal("user"),
    parts: list(
      oneOf("must hold text, inlineData or functionResponse", [
        geminiText,
        geminiData,
        geminiResponse,
      ]).refine(hasOneKind, { error: "must hold one kind of content" }),
    ),
  }).refine(canKeepData, DATA_APART),
  z.looseObject({
    role: z.literal("model"),
    parts: list(
      oneOf("must hold text, inlineData or functionCall", [geminiText, geminiData, geminiCall])
        .refine(hasOneKind, { error: "must hold one kind of content" }),
    ),
  }).refine(canKeepData, DATA_APART),
], { error: 'must have the role "user" or "model"' });

export const messageFormats = { openai, acontext, anthropic, gemini } as const satisfies Record<
  Format,
  z.ZodType
>;
