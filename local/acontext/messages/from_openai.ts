/** OpenAI chat messages. System and developer messages are stored as user's, tool messages as tool results. @module */

import { z } from "zod";
import type { JsonObject } from "../json.ts";
import {
  compact,
  type IncomingMessage,
  type IncomingPart,
  MessageError,
  objectSchema,
  read,
} from "./normalized.ts";

const textField = z.string().nullish();
const contentPartSchema = z.object({
  type: z.string(),
  text: textField,
  refusal: textField,
  image_url: z.object({ url: z.string(), detail: textField }).nullish(),
  input_audio: z.object({ data: z.string(), format: z.string() }).nullish(),
  file: z.object({ file_id: textField, file_data: textField, filename: textField }).nullish(),
});
const callSchema = z.object({
  name: z.string(),
  arguments: z.string().nullish().transform((text) => text ?? ""),
});
const messageSchema = z.object({
  role: z.string(),
  content: z.union([z.string(), z.array(contentPartSchema)]).nullish(),
  name: textField,
  tool_call_id: textField,
  tool_calls: z.array(z.object({ id: z.string(), function: callSchema })).nullish(),
  function_call: callSchema.nullish(),
});

type Message = z.infer<typeof messageSchema>;
type ContentPart = z.infer<typeof contentPartSchema>;

export function fromOpenai(blob: unknown): IncomingMessage {
  const message = read(messageSchema, read(objectSchema, blob, "OpenAI message"), "OpenAI message");
  const source = { source_format: "openai" };
  const meta = nullsEmpty({ ...source, name: message.name });
  switch (message.role) {
    case "user":
      return { role: "user", parts: requiredContent(message), meta };
    case "system":
    case "developer":
      return {
        role: "user",
        parts: requiredContent(message),
        meta: { ...meta, original_role: message.role },
      };
    case "assistant":
      return { role: "assistant", parts: assistantParts(message), meta };
    case "tool":
      return { role: "user", parts: [toolResult(message, "tool_call_id")], meta: source };
    case "function":
      return { role: "user", parts: [toolResult(message, "name")], meta: source };
    default:
      throw new MessageError("unknown OpenAI message type");
  }
}

function requiredContent({ role, content }: Message): IncomingPart[] {
  if (typeof content === "string") return [{ type: "text", text: content }];
  if (content && content.length > 0) return content.map(toPart);
  throw new MessageError(`OpenAI ${role} message must have content`);
}

function assistantParts({ content, tool_calls, function_call }: Message): IncomingPart[] {
  const text = typeof content === "string"
    ? content === "" ? [] : [{ type: "text", text: content }]
    : (content ?? []).map(toPart);
  const calls = (tool_calls ?? []).map((call) => toolCall({ id: call.id, ...call.function }));
  return [...text, ...calls, ...(function_call ? [toolCall(function_call)] : [])];
}

function toolCall(meta: JsonObject): IncomingPart {
  return { type: "tool-call", meta: { ...meta, type: "function" } };
}

function toolResult(message: Message, key: "tool_call_id" | "name"): IncomingPart {
  const { content } = message;
  const text = typeof content === "string"
    ? content
    : (content ?? []).map((part) => part.text ?? "").join("");
  const metaKey = key === "name" ? "function_name" : key;
  return { type: "tool-result", text, meta: { [metaKey]: message[key] ?? "" } };
}

function toPart({ type, text, refusal, image_url, input_audio, file }: ContentPart): IncomingPart {
  if (type === "text") return { type, text: text ?? "" };
  if (type === "refusal") {
    return { type: "text", text: refusal ?? "", meta: { is_refusal: true } };
  }
  if (type === "image_url" && image_url) {
    return { type: "image", meta: { url: image_url.url, detail: image_url.detail ?? "" } };
  }
  if (type === "input_audio" && input_audio) return { type: "audio", meta: input_audio };
  if (type === "file" && file) return { type, meta: nullsEmpty(file) };
  throw new MessageError("unsupported OpenAI content part type");
}

/** What is absent is left out, what is null is kept as an empty text. */
function nullsEmpty(texts: Record<string, string | null | undefined>): JsonObject {
  return compact(
    Object.fromEntries(
      Object.entries(texts).map(([key, text]) => [key, text === null ? "" : text]),
    ),
  );
}
