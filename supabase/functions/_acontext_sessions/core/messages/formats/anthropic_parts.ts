/**
 * Anthropic's messages as parts, as Acontext itself would make them (API 0.1.41), and more.
 *
 * @module
 */
import type { Json, JsonObject } from "../../ports.ts";
import {
  compact,
  filledAt,
  goJson,
  isObject,
  listAt,
  member,
  objectAt,
  type Path,
  textAt,
} from "./json.ts";
import {
  type Hole,
  jsonPiece,
  opaquePiece,
  type Piece,
  type Pieces,
  resultHole,
  textPiece,
} from "./parts.ts";

export function anthropicPieces(message: JsonObject): Pieces {
  const role = textAt(message, "role");
  const content = member(message, "content");
  return {
    role: role === "assistant" ? role : "user",
    pieces: typeof content === "string"
      ? content === "" ? [] : [textPiece(content, { at: ["content"] })]
      : listAt(message, "content").map((block, index) => blockPiece(block, ["content", index])),
    notes: { original_role: role === "system" ? role : undefined },
  };
}

function blockPiece(block: Json, at: Path): Piece {
  if (!isObject(block)) return opaquePiece("unknown");
  const type = textAt(block, "type") ?? "unknown";
  const cache_control = cacheControl(block);
  switch (type) {
    case "text":
      return textPiece(textAt(block, "text") ?? "", {
        at: [...at, "text"],
        ...(cache_control && { meta: { cache_control } }),
      });
    case "thinking":
      return textPiece(textAt(block, "thinking") ?? "", {
        at: [...at, "thinking"],
        type: "thinking",
        meta: compact({ signature: textAt(block, "signature") }),
      });
    case "redacted_thinking":
      return {
        part: { type, meta: { data: textAt(block, "data") ?? "" } },
        hole: { as: "meta", at: [...at, "data"], key: "data" },
      };
    case "image":
      return mediaPiece(block, { type: "image", at });
    case "document":
      return mediaPiece(block, { type: "file", at });
    case "tool_use":
      return {
        part: {
          type: "tool-call",
          meta: compact({
            id: textAt(block, "id"),
            name: textAt(block, "name") ?? "",
            arguments: goJson(member(block, "input") ?? null),
            type,
            cache_control,
          }),
        },
        hole: { as: "json", at: [...at, "input"] },
      };
    case "tool_result":
      return resultPiece(block, { at, cache_control });
    default:
      return jsonPiece(`anthropic.${type}`, block, at);
  }
}

/** Acontext keeps no more of it than its type. */
function cacheControl(block: JsonObject): JsonObject | undefined {
  const type = filledAt(objectAt(block, "cache_control") ?? {}, "type");
  return type === undefined ? undefined : { type };
}

function mediaPiece(
  block: JsonObject,
  { type, at }: { type: "image" | "file"; at: Path },
): Piece {
  const source = objectAt(block, "source") ?? {};
  const cache_control = cacheControl(block);
  const data = textAt(source, "data");
  const mediaType = textAt(source, "media_type");
  const hole = (key: string, skip: number): Hole => ({
    as: "meta",
    at: [...at, "source", "data"],
    key,
    skip,
  });
  if (source["type"] === "base64" && data !== undefined) {
    if (type === "file") {
      const meta = compact({ type: "base64", media_type: mediaType, data, cache_control });
      return { part: { type, meta }, hole: hole("data", 0) };
    }
    // Where Acontext looks for it: what it makes of the block itself, it never gives back.
    const prefix = `data:${mediaType ?? ""};base64,`;
    const meta = compact({ url: `${prefix}${data}`, detail: "", cache_control });
    return { part: { type, meta }, hole: hole("url", prefix.length) };
  }
  const url = textAt(source, "url");
  if (source["type"] === "url" && url !== undefined) {
    return { part: { type, meta: compact({ type: "url", url, cache_control }) } };
  }
  const filename = filledAt(block, "title");
  if (source["type"] === "text" && data) {
    // The model reads it, so it counts.
    return {
      part: { type, text: data, meta: compact({ filename, media_type: mediaType }) },
      hole: { as: "text", at: [...at, "source", "data"] },
    };
  }
  return {
    part: { type, meta: compact({ file_id: filledAt(source, "file_id"), filename }) },
  };
}

/** Those of the search results in it, too. */
function textsOf(block: JsonObject, at: Path): { at: Path; text: string }[] {
  return listAt(block, "content").flatMap((item, index) => {
    const path = [...at, "content", index];
    if (!isObject(item)) return [];
    if (item["type"] === "search_result") return textsOf(item, path);
    return item["type"] === "text" && typeof item["text"] === "string"
      ? [{ at: [...path, "text"], text: item["text"] }]
      : [];
  });
}

function resultPiece(
  block: JsonObject,
  { at, cache_control }: { at: Path; cache_control: JsonObject | undefined },
): Piece {
  const texts = textsOf(block, at);
  const { text, hole } = resultHole(member(block, "content"), { at: [...at, "content"], texts });
  const meta = compact({
    tool_call_id: textAt(block, "tool_use_id") ?? "",
    is_error: block["is_error"] === true,
    cache_control,
  });
  return { part: { type: "tool-result", ...(text && { text }), meta }, hole };
}
