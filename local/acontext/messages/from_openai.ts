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

const textField = z.string().optional();
const contentPartSchema = z.object({
  type: z.string(),
  text: textField,
  refusal: textField,
  image_url: z.object({ url: z.string(), detail: textField }).optional(),
  input_audio: z.object({ data: z.string(), format: z.string() }).optional(),
  file: z.object({ file_id: textField, file_data: textField, filename: textField }).optional(),
});
const callSchema = z.object({ name: z.string(), arguments: z.string().default("") });
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
  const meta = compact({ source_format: "openai", name: message.name });
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
      return { role: "user", parts: [toolResult(message, "tool_call_id")], meta };
    case "function":
      return { role: "user", parts: [toolResult(message, "name")], meta };
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
  return { type: "tool-call", meta: { ...meta, source_type: "function" } };
}

function toolResult(message: Message, key: "tool_call_id" | "name"): IncomingPart {
  const { content } = message;
  const text = typeof content === "string"
    ? content
    : (content ?? []).map((part) => part.text ?? "").join("");
  const metaKey = key === "name" ? "function_name" : key;
  return { type: "tool-result", text, meta: { [metaKey]: message[key] ?? "" } };
}

function toPart(part: ContentPart): IncomingPart {
  const { text, refusal, image_url, input_audio, file } = part;
  if (text !== undefined) return { type: "text", text };
  if (refusal !== undefined) return { type: "text", text: refusal, meta: { is_refusal: true } };
  if (image_url !== undefined) return { type: "image", meta: compact(image_url) };
  if (input_audio !== undefined) return { type: "audio", meta: input_audio };
  if (file !== undefined) return { type: "file", meta: compact(file) };
  throw new MessageError("unsupported OpenAI content part type");
}
