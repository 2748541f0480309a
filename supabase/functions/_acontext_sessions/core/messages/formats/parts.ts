/**
 * Messages in Acontext's own format, and how a message of another format comes back out of one exactly.
 *
 * What Acontext works on (texts, calls, results, media) goes into parts. What is left of the message, its frame, is kept
 * with the first part; of each part is kept where in the frame its content belongs. Edit strategies change the text of
 * a part, or the arguments of a call, and leave what is kept alone: so the message that is put together again is the
 * edited one.
 *
 * @module
 */
import type { Json, JsonObject } from "../../ports.ts";
import { MARK } from "../../resources.ts";
import type { Format } from "./names.ts";
import {
  compact,
  copyOf,
  fingerprint,
  goJson,
  isObject,
  listAt,
  member,
  objectAt,
  parseJson,
  parseObject,
  type Path,
  placeAt,
  replaceAt,
  textAt,
} from "./json.ts";

/** As in Acontext's API. */
export interface Part extends JsonObject {
  type: string;
}

/** How the content of a part is put back into the frame. */
export type Hole =
  /** A text: the part's. */
  | { as: "text"; at: Path }
  /** JSON text: the arguments of the call. */
  | { as: "arguments"; at: Path }
  /** JSON: what the arguments of the call say. */
  | { as: "json"; at: Path }
  /** A text that the arguments of the call have as their member `input`. */
  | { as: "input"; at: Path }
  /** A text: a member of the part's meta, without so many characters at its start. */
  | { as: "meta"; at: Path; key: string; skip?: number }
  /** A result: a text, or texts of these lengths at these places, as long as they are those of the fingerprint. */
  | {
    as: "result";
    at: Path;
    texts?: { at: Path; length: number }[];
    print?: string;
    absent?: true;
  }
  /** A result that is a JSON object, in the part as JSON text. */
  | { as: "response"; at: Path; absent?: true };

export interface Piece {
  part: Part;
  hole?: Hole;
}

/** A message of a provider, taken apart. */
export interface Pieces {
  role: "user" | "assistant";
  pieces: Piece[];
  /** Acontext's notes on the message. */
  notes: Record<string, string | undefined>;
}

/** A message as Acontext is asked to store it. */
export interface OwnMessage extends JsonObject {
  role: "user" | "assistant";
  parts: Part[];
  meta: JsonObject;
}

/** Where a message has nothing that is a part: Acontext wants one, to keep the rest with. */
const NOTHING: Piece = { part: { type: "data", meta: { data_type: "message" } } };

/** The message in Acontext's format, with all that is needed to put it together again. */
export function assemble(
  format: Format,
  message: JsonObject,
  { role, pieces, notes }: Pieces,
): OwnMessage {
  const all = pieces.length === 0 ? [NOTHING] : pieces;
  const frame = copyOf(message);
  for (const { hole } of all) if (hole !== undefined) empty(frame, hole);
  return {
    role,
    parts: all.map(({ part, hole }, index) =>
      withKept(part, {
        ...(index === 0 ? { format, frame, parts: all.length } : {}),
        ...(hole === undefined ? {} : { hole: plain(hole) }),
      })
    ),
    meta: compact({ source_format: format, ...notes }),
  };
}

function plain(hole: Hole): JsonObject {
  return JSON.parse(JSON.stringify(hole));
}

/** What is not stored twice. */
function empty(frame: Json, hole: Hole): void {
  if ((hole.as === "response" || hole.as === "result") && hole.absent) return;
  const places = hole.as === "result" && hole.texts ? hole.texts.map(({ at }) => at) : [hole.at];
  for (const at of places) replaceAt(frame, at, null);
}

/** A part with something more kept under our mark. */
export function withKept(part: Part, kept: JsonObject): Part {
  const meta = objectAt(part, "meta") ?? {};
  return { ...part, meta: { ...meta, [MARK]: { ...objectAt(meta, MARK), ...kept } } };
}

/** What is kept with a part; null when it is from before anything was kept, or not ours. */
export function keptOf(part: Json | undefined): JsonObject | null {
  if (!isObject(part)) return null;
  const kept = objectAt(objectAt(part, "meta") ?? {}, MARK);
  return kept ?? null;
}

/** A part without what is kept with it. */
export function withoutKept(part: Json): Json {
  if (!isObject(part)) return part;
  const { meta: marked, ...rest } = part;
  if (!isObject(marked) || !Object.hasOwn(marked, MARK)) return part;
  const { [MARK]: _kept, ...meta } = marked;
  return Object.keys(meta).length === 0 ? rest : { ...rest, meta };
}

/** The format that a message was stored in, when it can be put together again. */
export function storedFormat(parts: Json[]): string | null {
  const kept = keptOf(parts[0]);
  if (kept === null || kept["parts"] !== parts.length) return null;
  return textAt(kept, "format") ?? null;
}

/** What is left of a message when its parts have taken what is theirs. */
export function frameOf(parts: Json[]): Json {
  return keptOf(parts[0])?.["frame"] ?? null;
}

/** The message as it was stored, or as edited since. Only where {@link storedFormat} knows a format. */
export function reassemble(parts: Json[]): Json {
  const message = copyOf(frameOf(parts));
  for (const part of parts) {
    const hole = objectAt(keptOf(part) ?? {}, "hole");
    if (hole !== undefined && isObject(part)) fill(message, { part, hole });
  }
  return message;
}

function fill(frame: Json, { part, hole }: { part: JsonObject; hole: JsonObject }): void {
  const at = pathOf(hole["at"]);
  const meta = objectAt(part, "meta") ?? {};
  const text = textAt(part, "text") ?? "";
  switch (hole["as"]) {
    case "text":
      return replaceAt(frame, at, text);
    case "arguments":
      return replaceAt(frame, at, member(meta, "arguments") ?? "");
    case "json": {
      const value = parseJson(textAt(meta, "arguments") ?? "");
      return replaceAt(frame, at, value === undefined ? {} : value);
    }
    case "input": {
      const input = textAt(parseObject(textAt(meta, "arguments")) ?? {}, "input");
      return replaceAt(frame, at, input ?? "");
    }
    case "meta": {
      const skip = typeof hole["skip"] === "number" ? hole["skip"] : 0;
      return replaceAt(frame, at, (textAt(meta, textAt(hole, "key") ?? "") ?? "").slice(skip));
    }
    case "result":
      return fillResult(frame, { text, hole, at });
    case "response":
      if (text === "" && hole["absent"] === true) return;
      return placeAt(frame, at, parseObject(text) ?? { output: text });
  }
}

function fillResult(
  frame: Json,
  { text, hole, at }: { text: string; hole: JsonObject; at: Path },
): void {
  // Nothing was there, and nothing was put there.
  if (text === "" && hole["absent"] === true) return;
  if (!Array.isArray(hole["texts"]) || fingerprint(text) !== hole["print"]) {
    return placeAt(frame, at, text);
  }
  let from = 0;
  for (const { at, length } of listAt(hole, "texts").filter(isObject)) {
    const end = from + Number(length);
    replaceAt(frame, pathOf(at), text.slice(from, end));
    from = end;
  }
}

function pathOf(value: Json | undefined): Path {
  return (Array.isArray(value) ? value : []).flatMap((step) =>
    typeof step === "string" || typeof step === "number" ? [step] : []
  );
}

// Pieces that several formats have.

/** A text; one that is empty has no place among Acontext's texts. */
export function textPiece(
  text: string,
  { at, type = "text", meta }: { at: Path; type?: "text" | "thinking"; meta?: JsonObject },
): Piece {
  if (text === "") return opaquePiece(`empty_${type}`);
  return { part: { type, text, ...(meta && { meta }) }, hole: { as: "text", at } };
}

/** Something that Acontext has no kind for. It stays in the frame. */
export function opaquePiece(kind: string, text?: string): Piece {
  return { part: { type: "data", ...(text ? { text } : {}), meta: { data_type: kind } } };
}

/** Bytes in base64: nothing that a model reads as text, and Acontext's tokenizer takes minutes for them. */
const UNBROKEN = /\S{1024}/;

/** What a provider ran or found by itself. The model reads it, so it counts as text where it is one. */
export function jsonPiece(kind: string, value: Json, at: Path): Piece {
  const text = goJson(value);
  if (UNBROKEN.test(text)) return opaquePiece(kind);
  return {
    part: { type: "data", text, meta: { data_type: kind } },
    hole: { as: "response", at },
  };
}

/** The texts of a result in one, and how they are told apart again. */
export function resultHole(
  content: Json | undefined,
  { at, texts }: { at: Path; texts: { at: Path; text: string }[] },
): { text: string; hole: Hole } {
  if (typeof content === "string") return { text: content, hole: { as: "result", at } };
  if (!Array.isArray(content)) return { text: "", hole: { as: "result", at, absent: true } };
  const text = texts.map((found) => found.text).join("");
  return {
    text,
    hole: {
      as: "result",
      at,
      texts: texts.map((found) => ({ at: found.at, length: found.text.length })),
      print: fingerprint(text),
    },
  };
}
