/**
 * Messages in the four formats, as far as their parts have to be found. Members that are not named here are kept as they
 * are.
 *
 * @module
 */
import * as z from "zod";
import type { Format } from "../core/messages/ports.ts";

const filled = z.string({ error: "must be a string" }).min(1, { error: "must not be empty" });
const text = z.string({ error: "must be a string" }).nullish();
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

const openaiText = z.looseObject({ type: z.literal("text"), text: z.string() });
const openaiPart = z.discriminatedUnion("type", [
  openaiText,
  z.looseObject({ type: z.literal("refusal"), refusal: z.string() }),
  z.looseObject({ type: z.literal("image_url"), image_url: z.looseObject({ url: filled }) }),
  z.looseObject({
    type: z.literal("input_audio"),
    input_audio: z.looseObject({ data: filled, format: filled }),
  }),
  z.looseObject({
    type: z.literal("file"),
    file: z.looseObject({
      file_id: text,
      file_data: text,
      filename: text,
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
  list(openaiText),
]);
const openaiCalled = z.looseObject({ name: filled, arguments: z.string() });
const openaiCall = z.discriminatedUnion("type", [
  z.looseObject({ id: filled, type: z.literal("function"), function: openaiCalled }),
  z.looseObject({
    id: filled,
    type: z.literal("custom"),
    custom: z.looseObject({ name: filled, input: z.string() }),
  }),
], { error: 'must be of type "function" or "custom"' });

const openai = z.discriminatedUnion("role", [
  z.looseObject({
    role: z.enum(["user", "system", "developer"]),
    content: openaiContent,
    name: text,
  }),
  z.looseObject({
    role: z.literal("assistant"),
    content: oneOf("must be a string, a list of content parts or null", [
      z.string(),
      z.array(openaiPart),
      z.null(),
    ]).optional(),
    tool_calls: z.array(openaiCall).nullish(),
    function_call: openaiCalled.nullish(),
    refusal: text,
    audio: object.nullish(),
    name: text,
    reasoning_content: text,
    reasoning: text,
  }).refine(
    ({ content, tool_calls, ...others }) =>
      (content?.length ?? 0) + (tool_calls?.length ?? 0) > 0 ||
      others.function_call || others.refusal || others.audio || others.reasoning_content ||
      others.reasoning,
    { error: "must have content or tool calls" },
  ),
  z.looseObject({ role: z.literal("tool"), tool_call_id: filled, content: openaiResult }),
  z.looseObject({
    role: z.literal("function"),
    name: filled,
    content: oneOf("must be a string, a list of text parts or null", [openaiResult, z.null()]),
  }),
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

const anthropicText = z.looseObject({ type: z.literal("text"), text: z.string() });
const imageSource = z.discriminatedUnion("type", [
  z.looseObject({ type: z.literal("base64"), media_type: filled, data: filled }),
  z.looseObject({ type: z.literal("url"), url: filled }),
  z.looseObject({ type: z.literal("file"), file_id: filled }),
], { error: "must have a type that can be stored" });
const documentSource = z.discriminatedUnion("type", [
  ...imageSource.options,
  z.looseObject({ type: z.literal("text"), data: z.string() }),
  z.looseObject({
    type: z.literal("content"),
    content: oneOf("must be a string or a list of blocks", [z.string(), z.array(object)]),
  }),
], { error: "must have a type that can be stored" });

const anthropicShown = [
  anthropicText,
  z.looseObject({ type: z.literal("image"), source: imageSource }),
  z.looseObject({ type: z.literal("document"), source: documentSource }),
  z.looseObject({ type: z.literal("search_result"), content: z.array(anthropicText) }),
] as const;

const anthropicBlock = z.discriminatedUnion("type", [
  ...anthropicShown,
  z.looseObject({ type: z.literal("thinking"), thinking: z.string(), signature: z.string() }),
  z.looseObject({ type: z.literal("redacted_thinking"), data: z.string() }),
  z.looseObject({
    type: z.literal("tool_use"),
    id: filled,
    name: filled,
    input: z.unknown().refine((value) => value !== undefined, { error: "must be there" }),
  }),
  z.looseObject({
    type: z.literal("tool_result"),
    tool_use_id: filled,
    content: oneOf("must be a string or a list of blocks that a result may have", [
      z.string(),
      z.array(z.discriminatedUnion("type", [
        ...anthropicShown,
        z.looseObject({ type: z.enum(["tool_reference", "browser_state"]) }),
      ])),
    ]).nullish(),
    is_error: z.boolean().nullish(),
  }),
  z.looseObject({ type: z.literal("server_tool_use"), id: filled, name: filled }),
  z.looseObject({
    type: z.enum([
      "web_search_tool_result",
      "web_fetch_tool_result",
      "code_execution_tool_result",
      "bash_code_execution_tool_result",
      "text_editor_code_execution_tool_result",
      "tool_search_tool_result",
    ]),
    tool_use_id: filled,
  }),
  z.looseObject({ type: z.literal("container_upload"), file_id: filled }),
], { error: "must have a type that can be stored" });

const anthropic = z.discriminatedUnion("role", [
  z.looseObject({
    role: z.enum(["user", "assistant"]),
    content: oneOf("must be a string or a list of blocks, and not empty", [
      filled,
      list(anthropicBlock),
    ]),
  }),
  z.looseObject({
    role: z.literal("system"),
    content: oneOf("must be a string or a list of text blocks, and not empty", [
      filled,
      list(anthropicText),
    ]),
  }),
], { error: 'must have the role "user", "assistant" or "system"' });

// Gemini contents: https://ai.google.dev/api/caching#Content

/** Of these, a part has one as a rule, and all that it has are kept. */
const GEMINI_KINDS = [
  "text",
  "inlineData",
  "fileData",
  "functionCall",
  "functionResponse",
  "executableCode",
  "codeExecutionResult",
  "toolCall",
  "toolResponse",
  "audioTranscription",
  "thoughtSignature",
] as const;

const geminiPart = z.looseObject({
  text: z.string({ error: "must be a string" }).nullish(),
  thought: z.boolean().nullish(),
  thoughtSignature: z.string({ error: "must be a string" }).nullish(),
  inlineData: z.looseObject({
    mimeType: filled,
    data: filled.pipe(z.base64({ error: "must be base64" })),
  }).nullish(),
  fileData: z.looseObject({ fileUri: filled }).nullish(),
  functionCall: z.looseObject({ name: filled, args: object.nullish(), id: text }).nullish(),
  functionResponse: z.looseObject({ name: filled, response: object.nullish(), id: text })
    .nullish(),
  executableCode: object.nullish(),
  codeExecutionResult: object.nullish(),
  toolCall: object.nullish(),
  toolResponse: object.nullish(),
  audioTranscription: object.nullish(),
}).refine((part) => GEMINI_KINDS.some((kind) => (part[kind] ?? null) !== null), {
  error: `must hold one of ${GEMINI_KINDS.join(", ")}`,
});

const gemini = z.looseObject({
  role: z.enum(["user", "model"], { error: 'must be "user" or "model"' }),
  parts: list(geminiPart),
});

export const messageFormats = { openai, acontext, anthropic, gemini } as const satisfies Record<
  Format,
  z.ZodType
>;
