/** Gemini contents. @module */

import { z } from "zod";
import { goJson } from "../go_json.ts";
import {
  compact,
  type IncomingMessage,
  type IncomingPart,
  MessageError,
  nullable,
  objectSchema,
  read,
} from "./normalized.ts";

const base64 = z.base64().nullish();
const partSchema = z.object({
  text: nullable,
  thought: z.boolean().nullish(),
  thoughtSignature: base64,
  inlineData: z.object({ mimeType: z.string(), data: z.base64() }).nullish(),
  functionCall: z.object({ id: nullable, name: z.string(), args: objectSchema.nullish() })
    .nullish(),
  functionResponse: z.object({ id: nullable, name: z.string(), response: objectSchema.nullish() })
    .nullish(),
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
  const { text, thought, thoughtSignature, inlineData, functionCall, functionResponse } = part;
  if (text && thought) {
    return {
      type: "thinking",
      text,
      ...(thoughtSignature ? { meta: { signature: thoughtSignature } } : {}),
    };
  }
  if (text) return { type: "text", text };
  if (inlineData) {
    const { mimeType, data } = inlineData;
    return { type: "image", meta: { type: "base64", media_type: mimeType, data } };
  }
  if (functionCall) {
    const { id = newCallId(), name, args = null } = functionCall;
    return {
      type: "tool-call",
      meta: { id, name, arguments: goJson(args), type: "function" },
    };
  }
  if (functionResponse) {
    const { id, name, response = null } = functionResponse;
    return {
      type: "tool-result",
      text: goJson(response),
      meta: compact({ name, tool_call_id: id }),
    };
  }
  throw new MessageError("unsupported Gemini part type");
}
