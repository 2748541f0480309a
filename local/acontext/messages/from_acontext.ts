/** The server's own format. @module */

import { z } from "zod";
import {
  type IncomingMessage,
  type IncomingPart,
  MessageError,
  objectSchema,
  read,
} from "./normalized.ts";

const TYPES = new Set([
  "text",
  "image",
  "audio",
  "video",
  "file",
  "tool-call",
  "tool-result",
  "data",
  "thinking",
  "redacted_thinking",
]);

/** What the meta of a part must name. */
const REQUIRED_META: Record<string, string[]> = {
  "tool-call": ["name", "arguments"],
  "tool-result": ["tool_call_id"],
  "data": ["data_type"],
};

const meta = objectSchema.nullish();
const messageSchema = z.object({
  role: z.string().nullish(),
  parts: z.array(z.object({
    type: z.string().nullish(),
    text: z.string().nullish(),
    file_field: z.string().nullish(),
    meta,
  })).nullish(),
  meta,
});

export function fromAcontext(blob: unknown): IncomingMessage {
  const message = read(messageSchema, blob, "Acontext message");
  const { role } = message;
  if (role !== "user" && role !== "assistant") {
    throw new MessageError(`invalid role: ${role ?? ""} (must be one of: user, assistant)`);
  }
  const parts = (message.parts ?? []).map(({ type, text, file_field, meta }): IncomingPart => ({
    type: type ?? "",
    ...(text ? { text } : {}),
    ...(file_field ? { fileField: file_field } : {}),
    ...(meta ? { meta } : {}),
  }));
  parts.forEach(checkPart);
  return { role, parts, meta: { source_format: "acontext", ...message.meta } };
}

function checkPart({ type, text, meta }: IncomingPart, index: number): void {
  const problem = !TYPES.has(type)
    ? "Field validation for 'Type' failed"
    : (type === "text" || type === "thinking") && text === undefined
    ? `${type} part requires non-empty text field`
    : (REQUIRED_META[type] ?? []).map((key) =>
      meta === undefined
        ? `${type} part requires meta field`
        : Object.hasOwn(meta, key)
        ? null
        : `${type} part requires '${key}' in meta`
    ).find((found) => found !== null);
  if (problem) throw new MessageError(`invalid part at index ${index}: ${problem}`);
}
