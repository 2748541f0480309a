/** Anthropic messages. @module */

import { z } from "zod";
import { goJson } from "../go_json.ts";
import {
  compact,
  type IncomingMessage,
  type IncomingPart,
  MessageError,
  nullable,
  read,
} from "./normalized.ts";

const sourceSchema = z.object({
  type: z.string(),
  media_type: nullable,
  data: nullable,
  url: nullable,
});
const cache_control = z.object({ type: z.string() }).nullish().transform((control) =>
  control ?? undefined
);
const resultContent = z.array(z.object({ type: z.string(), text: nullable }));
const blockSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("text"), text: z.string(), cache_control }),
  z.object({ type: z.literal("image"), source: sourceSchema, cache_control }),
  z.object({ type: z.literal("document"), source: sourceSchema, cache_control }),
  z.object({
    type: z.literal("tool_use"),
    id: z.string(),
    name: z.string(),
    input: z.unknown(),
    cache_control,
  }),
  z.object({
    type: z.literal("tool_result"),
    tool_use_id: z.string(),
    content: z.union([z.string(), resultContent]).nullish(),
    is_error: z.boolean().nullish().transform((isError) => isError ?? false),
    cache_control,
  }),
  z.object({ type: z.literal("thinking"), thinking: z.string(), signature: z.string() }),
  z.object({ type: z.literal("redacted_thinking"), data: z.string() }),
]);
const KNOWN = new Set<unknown>(blockSchema.options.map((option) => option.shape.type.value));
const messageSchema = z.object({
  role: z.string(),
  content: z.union([z.string(), z.array(z.looseObject({ type: z.string() }))]),
});

type Block = z.infer<typeof blockSchema>;

/** Blocks of an unknown type are skipped. */
export function fromAnthropic(blob: unknown): IncomingMessage {
  const { role, content } = read(messageSchema, blob, "Anthropic message");
  if (role !== "user" && role !== "assistant") {
    throw new MessageError(
      `invalid Anthropic role: ${role} (only 'user' and 'assistant' are supported)`,
    );
  }
  const blocks = typeof content === "string" ? [{ type: "text", text: content }] : content;
  const parts = blocks.filter(({ type }) => KNOWN.has(type))
    .map((block) => toPart(read(blockSchema, block, "Anthropic message")));
  return { role, parts, meta: { source_format: "anthropic" } };
}

function toPart(block: Block): IncomingPart {
  switch (block.type) {
    case "text":
      return block.cache_control === undefined
        ? { type: "text", text: block.text }
        : { type: "text", text: block.text, meta: { cache_control: block.cache_control } };
    case "image":
      return { type: "image", meta: sourceMeta(block) };
    case "document":
      return { type: "file", meta: sourceMeta(block) };
    case "tool_use":
      return {
        type: "tool-call",
        meta: compact({
          id: block.id,
          name: block.name,
          arguments: goJson(block.input ?? null),
          type: "tool_use",
          cache_control: block.cache_control,
        }),
      };
    case "tool_result":
      return {
        type: "tool-result",
        text: resultText(block.content),
        meta: compact({
          tool_call_id: block.tool_use_id,
          is_error: block.is_error,
          cache_control: block.cache_control,
        }),
      };
    case "thinking":
      return { type: "thinking", text: block.thinking, meta: { signature: block.signature } };
    case "redacted_thinking":
      return { type: "redacted_thinking", meta: { data: block.data } };
  }
}

function sourceMeta({ source, cache_control }: Extract<Block, { type: "image" | "document" }>) {
  const { type, media_type, data, url } = source;
  // Of any other kind nothing is kept.
  const kept = type === "base64" ? { media_type, data } : type === "url" ? { url } : null;
  return compact({ ...(kept === null ? {} : { type, ...kept }), cache_control });
}

function resultText(content: string | z.infer<typeof resultContent> | null | undefined): string {
  if (typeof content === "string") return content;
  return (content ?? []).map(({ text }) => text ?? "").join("");
}
