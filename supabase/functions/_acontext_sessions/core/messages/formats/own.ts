/**
 * To Acontext's own format and back, for each of the four.
 *
 * @module
 */
import type { Json, JsonObject } from "../../ports.ts";
import { MARK } from "../../resources.ts";
import type { Format } from "./names.ts";
import { anthropicPieces } from "./anthropic_parts.ts";
import { geminiPieces } from "./gemini_parts.ts";
import { compact, differences, isObject, listAt, objectAt, type Path, textAt } from "./json.ts";
import { openaiPieces } from "./openai_parts.ts";
import {
  assemble,
  keptOf,
  type OwnMessage,
  type Part,
  reassemble,
  withKept,
  withoutKept,
} from "./parts.ts";

/** Where Acontext keeps the `meta` of a message that its caller sent beside it. */
export const USER_META = "__user_meta__";

/** What Acontext tells of each message in its own format. */
const SERVERS = [
  "id",
  "session_id",
  "parent_id",
  "task_id",
  "session_task_process_status",
  "created_at",
  "updated_at",
];

const PIECES = { openai: openaiPieces, anthropic: anthropicPieces, gemini: geminiPieces };

/** What is stored for a message: parts of Acontext's, and with them whatever these cannot say. */
export function toOwn(format: Format, message: JsonObject): OwnMessage {
  return format === "acontext"
    ? acontextToOwn(message)
    : assemble(format, message, PIECES[format](message));
}

/** The places in a message that would not come back as they are; empty for one that is kept whole. */
export function notKept(format: Format, message: JsonObject): Path[] {
  return examine(format, message).lost;
}

/** What would become of a message: what is lost of it, and its length as Acontext writes it in an answer. */
export function examine(format: Format, message: JsonObject): { lost: Path[]; bytes: number } {
  const json = JSON.stringify(toOwn(format, message));
  // As it goes over the network.
  return { lost: lostIn(format, message, JSON.parse(json)), bytes: bytesOf(json) };
}

/** In UTF-8, and with what Go escapes for the sake of HTML. */
function bytesOf(json: string): number {
  const escaped = json.match(/[<>&\u2028\u2029]/g)?.length ?? 0;
  return new TextEncoder().encode(json).length + 5 * escaped;
}

function lostIn(format: Format, message: JsonObject, { parts, meta }: OwnMessage): Path[] {
  if (format !== "acontext") return differences(message, reassemble(parts));
  const { meta: sent, ...rest } = without(message, SERVERS);
  const back = acontextFromOwn({
    role: message["role"] ?? null,
    parts: parts.map(withoutFileField),
  });
  const wanted = { ...rest, parts: listAt(message, "parts").map(withoutFileField) };
  const { [MARK]: _mark, [USER_META]: _user, source_format: _source, ...kept } = meta;
  const { source_format: _sent, ...notes } = isObject(sent) ? sent : {};
  return [...differences(wanted, back), ...differences({ meta: notes }, { meta: kept })];
}

function acontextToOwn(message: JsonObject): OwnMessage {
  const { role, parts: _parts, meta, ...rest } = without(message, SERVERS);
  const parts = listAt(message, "parts").map((part): Part => {
    const { meta, ...given } = isObject(part) ? part : {};
    const { type, text, file_field, asset: _asset, filename: _filename, ...others } = given;
    const { [MARK]: _mark, ...own } = isObject(meta) ? meta : {};
    const filled = Object.keys(own).length > 0 ? own : undefined;
    const sent = compact({ text: text || undefined, file_field, meta: filled });
    const kept = compact({
      ...others,
      ...(text ? {} : { text }),
      ...(filled === undefined ? { meta: isObject(meta) ? {} : meta } : {}),
    });
    const made = { ...sent, type: String(type) };
    return Object.keys(kept).length === 0 ? made : withKept(made, { part: kept });
  });
  const [first, ...others] = parts;
  const hasRest = Object.keys(rest).length > 0;
  return {
    role: role === "assistant" ? role : "user",
    parts: first && hasRest ? [withKept(first, { message: rest }), ...others] : parts,
    meta: isObject(meta) ? meta : {},
  };
}

/** The message as its caller stored it, and what Acontext adds to it. */
export function acontextFromOwn(message: JsonObject): JsonObject {
  const parts = listAt(message, "parts");
  return {
    ...objectAt(keptOf(parts[0]) ?? {}, "message"),
    ...message,
    parts: parts.map((part) => {
      const rest = objectAt(keptOf(part) ?? {}, "part") ?? {};
      const shown = withoutKept(part);
      return isObject(shown) ? { ...rest, ...shown } : shown;
    }),
  };
}

function without(message: JsonObject, names: string[]): JsonObject {
  return Object.fromEntries(Object.entries(message).filter(([name]) => !names.includes(name)));
}

/** A file that is sent with the message takes its place. */
function withoutFileField(part: Json): Json {
  return isObject(part) && textAt(part, "file_field") !== undefined
    ? without(part, ["file_field"])
    : part;
}
