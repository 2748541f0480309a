/**
 * Makes what is stored of a message unlike anything else in the Acontext project, without changing how it is loaded.
 *
 * Acontext stores equal parts once per project and counts references, and a delete that is broken off and repeated
 * counts down twice: what others share is lost. In Acontext's own format a part has a free `meta` that belongs to what
 * is hashed. The other three formats have no such place, but what consists of text only becomes the same message
 * either way: the same parts and the same notes about its format, role and name. Tried on API 0.1.41: loads in all four
 * formats, token counts and edited loads are equal.
 *
 * Everything else is stored in its own format. Tool calls and their results have ids of their own; of images and files
 * equal bytes stay shared.
 *
 * @module
 */
import type { NewMessage } from "../core/messages/ports.ts";
import type { Json, JsonObject } from "../core/ports.ts";
import { MARK } from "../core/resources.ts";

/** What is sent as `blob` and `format`. */
interface Blob {
  format: NewMessage["format"];
  blob: JsonObject;
}

/** @param nonce Used for this message alone. */
export function uniqueBlob({ format, message }: NewMessage, nonce: string): Blob {
  const blob = format === "acontext" ? message : fromPlainText(format, message);
  return blob === null
    ? { format, blob: message }
    : { format: "acontext", blob: markParts(blob, nonce) };
}

/** The parts as the caller stored them. */
export function withoutNonces(parts: Json): Json {
  if (!Array.isArray(parts)) return parts;
  return parts.map((part) => {
    if (!isObject(part)) return part;
    const { meta: marked, ...rest } = part;
    if (!isObject(marked) || !Object.hasOwn(marked, MARK)) return part;
    const { [MARK]: _nonce, ...meta } = marked;
    return Object.keys(meta).length === 0 ? rest : { ...rest, meta };
  });
}

function markParts(message: JsonObject, nonce: string): JsonObject {
  const { parts } = message;
  if (!Array.isArray(parts)) return message;
  return {
    ...message,
    parts: parts.map((part) =>
      isObject(part)
        ? { ...part, meta: { ...(isObject(part["meta"]) ? part["meta"] : {}), [MARK]: nonce } }
        : part
    ),
  };
}

/** As Acontext itself would turn it into its own format; null when it is not text alone. */
function fromPlainText(
  format: Exclude<NewMessage["format"], "acontext">,
  message: JsonObject,
): JsonObject | null {
  switch (format) {
    case "openai":
      return fromOpenAi(message);
    case "anthropic":
      return fromAnthropic(message);
    case "gemini":
      return fromGemini(message);
  }
}

function fromOpenAi(message: JsonObject): JsonObject | null {
  const { role, content, name } = message;
  if (!hasOnly(message, ["role", "content", "name"]) || typeof role !== "string") return null;
  const texts = typeof content === "string" ? [content] : textsOf(content, "text");
  const own = OPENAI_ROLES[role];
  if (own === undefined || !areFilled(texts)) return null;
  return {
    role: own,
    parts: texts.map(textPart),
    meta: {
      source_format: "openai",
      ...(own === role ? {} : { original_role: role }),
      ...(typeof name === "string" ? { name } : {}),
    },
  };
}

const OPENAI_ROLES: Record<string, string> = {
  user: "user",
  assistant: "assistant",
  system: "user",
  developer: "user",
};

function fromAnthropic(message: JsonObject): JsonObject | null {
  const { role, content } = message;
  const texts = textsOf(content, "text");
  if (!hasOnly(message, ["role", "content"]) || !areFilled(texts)) return null;
  if (role !== "user" && role !== "assistant") return null;
  return { role, parts: texts.map(textPart), meta: { source_format: "anthropic" } };
}

function fromGemini(message: JsonObject): JsonObject | null {
  const { role, parts } = message;
  const texts = textsOf(parts, null);
  if (!hasOnly(message, ["role", "parts"]) || !areFilled(texts)) return null;
  if (role !== "user" && role !== "model") return null;
  return {
    role: role === "model" ? "assistant" : "user",
    parts: texts.map(textPart),
    meta: { source_format: "gemini" },
  };
}

function textPart(text: string): JsonObject {
  return { type: "text", text };
}

/** The texts of a list that has nothing else; null when it has. `type` of its members, where they have one. */
function textsOf(content: Json | undefined, type: string | null): string[] | null {
  if (!Array.isArray(content)) return null;
  const texts: string[] = [];
  for (const part of content) {
    if (!isObject(part) || typeof part["text"] !== "string") return null;
    if (!hasOnly(part, type === null ? ["text"] : ["type", "text"])) return null;
    if (type !== null && part["type"] !== type) return null;
    texts.push(part["text"]);
  }
  return texts;
}

/** Acontext's own format has no empty text. */
function areFilled(texts: string[] | null): texts is string[] {
  return texts !== null && texts.length > 0 && texts.every((text) => text !== "");
}

function hasOnly(object: JsonObject, names: string[]): boolean {
  return Object.keys(object).every((name) => names.includes(name));
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
