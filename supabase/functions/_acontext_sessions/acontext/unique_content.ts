/**
 * Makes what is stored of a message unlike anything else in the Acontext project, without changing how it is loaded.
 *
 * Acontext stores equal parts once per project and counts references, and a delete that is broken off and repeated
 * counts down twice: what others share is lost. In Acontext's own format a part has a free `meta` that belongs to what
 * is hashed. The other three formats have no such place, so their messages are sent in Acontext's own, with the parts
 * and the notes that Acontext would make of them ({@link inOwnFormat}).
 *
 * A nonce goes into every part of:
 * - Acontext's own format
 * - OpenAI: texts, images, audio, files, refusals, tool calls and their results, of every role but `function`
 * - Anthropic: texts, thinking, images, documents, tool calls and their results
 * - Gemini: texts, thoughts and inline data
 *
 * Without one, and shared where nothing in them differs, are:
 * - messages of Gemini that have a call or a result: the server pairs those by a queue that its own format passes by
 * - results of OpenAI's old functions (role `function`), and messages with an empty thinking block of Anthropic, both of
 *   which Acontext's own format refuses
 * - the bytes of attached files, whatever the parts say
 *
 * @module
 */
import type { NewMessage } from "../core/messages/ports.ts";
import type { Json, JsonObject } from "../core/ports.ts";
import { MARK } from "../core/resources.ts";
import { inOwnFormat } from "./own_format.ts";

/** What is sent as `blob` and `format`. */
interface Blob {
  format: NewMessage["format"];
  blob: JsonObject;
}

/** @param nonce Used for this message alone. */
export function uniqueBlob({ format, message }: NewMessage, nonce: string): Blob {
  const blob = format === "acontext" ? message : inOwnFormat(format, message);
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

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
