/** Gemini contents. @module */

import { z } from "zod";
import {
  compact,
  type IncomingMessage,
  type IncomingPart,
  MessageError,
  objectSchema,
  read,
} from "./normalized.ts";

const partSchema = z.object({
  text: z.string().optional(),
  inlineData: z.object({ mimeType: z.string(), data: z.string() }).optional(),
  functionCall: z.object({
    id: z.string().optional(),
    name: z.string(),
    args: objectSchema.default({}),
  }).optional(),
  functionResponse: z.object({
    id: z.string().optional(),
    name: z.string(),
    response: objectSchema.default({}),
  }).optional(),
});
const messageSchema = z.object({ role: z.string(), parts: z.array(partSchema).default([]) });

type Part = z.infer<typeof partSchema>;

/** @param newCallId gives a call without an id one. */
export function fromGemini(blob: unknown, newCallId: () => string): IncomingMessage {
  const { role, parts } = read(messageSchema, blob, "Gemini message");
  if (role !== "user" && role !== "model") {
    throw new MessageError(`invalid Gemini role: ${role} (only 'user' and 'model' are supported)`);
  }
  return {
    role: role === "user" ? "user" : "assistant",
    parts: parts.map((part) => toPart(part, newCallId)),
    meta: { source_format: "gemini" },
  };
}

function toPart(part: Part, newCallId: () => string): IncomingPart {
  const { text, inlineData, functionCall, functionResponse } = part;
  if (text) return { type: "text", text };
  if (inlineData !== undefined) {
    const { mimeType, data } = inlineData;
    return { type: "image", meta: { source_type: "base64", media_type: mimeType, data } };
  }
  if (functionCall !== undefined) {
    const { id = newCallId(), name, args } = functionCall;
    return {
      type: "tool-call",
      meta: { id, name, arguments: JSON.stringify(args), source_type: "function" },
    };
  }
  if (functionResponse !== undefined) {
    const { id, name, response } = functionResponse;
    return {
      type: "tool-result",
      text: JSON.stringify(response),
      meta: compact({ name, tool_call_id: id }),
    };
  }
  throw new MessageError("unsupported Gemini part type");
}
