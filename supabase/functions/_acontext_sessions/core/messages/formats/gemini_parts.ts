/**
 * Gemini's contents as parts, as Acontext itself would make them (API 0.1.41), and more.
 *
 * Calls and results without ids stay without: which result answers which call, a conversation shows when it is loaded.
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
import { mediaOf } from "./content.ts";
import { jsonPiece, opaquePiece, type Piece, type Pieces, textPiece } from "./parts.ts";

export function geminiPieces(message: JsonObject): Pieces {
  return {
    role: textAt(message, "role") === "model" ? "assistant" : "user",
    pieces: listAt(message, "parts").flatMap((part, index) => partPieces(part, ["parts", index])),
    notes: {},
  };
}

/** Most parts hold one thing; the types allow more. */
function partPieces(part: Json, at: Path): Piece[] {
  if (!isObject(part)) return [opaquePiece("unknown")];
  const text = filledAt(part, "text");
  const data = objectAt(part, "inlineData");
  const file = objectAt(part, "fileData");
  const call = objectAt(part, "functionCall");
  const response = objectAt(part, "functionResponse");
  const pieces = [
    ...(text === undefined ? [] : [saidPiece(part, { text, at: [...at, "text"] })]),
    ...(data === undefined ? [] : [dataPiece(data, [...at, "inlineData"])]),
    ...(file === undefined ? [] : [filePiece(file)]),
    ...(call === undefined ? [] : [callPiece(call, [...at, "functionCall"])]),
    ...(response === undefined ? [] : [responsePiece(response, [...at, "functionResponse"])]),
    ...["executableCode", "codeExecutionResult", "toolCall", "toolResponse", "audioTranscription"]
      .flatMap((kind) => {
        const found = objectAt(part, kind);
        return found === undefined ? [] : [jsonPiece(`gemini.${kind}`, found, [...at, kind])];
      }),
  ];
  return pieces.length > 0 ? pieces : [opaquePiece("gemini.part")];
}

function saidPiece(part: JsonObject, { text, at }: { text: string; at: Path }): Piece {
  if (part["thought"] !== true) return textPiece(text, { at });
  const meta = compact({ signature: filledAt(part, "thoughtSignature") });
  return textPiece(text, { at, type: "thinking", meta });
}

/** An image as a data URL, where Acontext looks for its bytes; anything else as what it is. */
function dataPiece(data: JsonObject, at: Path): Piece {
  const mimeType = textAt(data, "mimeType") ?? "";
  const bytes = textAt(data, "data") ?? "";
  const type = mediaOf(mimeType);
  if (type === "image") {
    const prefix = `data:${mimeType};base64,`;
    return {
      part: { type, meta: { url: `${prefix}${bytes}`, detail: "" } },
      hole: { as: "meta", at: [...at, "data"], key: "url", skip: prefix.length },
    };
  }
  return {
    part: { type, meta: { type: "base64", media_type: mimeType, data: bytes } },
    hole: { as: "meta", at: [...at, "data"], key: "data" },
  };
}

function filePiece(file: JsonObject): Piece {
  return {
    part: {
      type: "file",
      meta: compact({
        type: "url",
        url: textAt(file, "fileUri"),
        media_type: textAt(file, "mimeType"),
        filename: textAt(file, "displayName"),
      }),
    },
  };
}

function callPiece(call: JsonObject, at: Path): Piece {
  const args = objectAt(call, "args");
  return {
    part: {
      type: "tool-call",
      meta: compact({
        id: filledAt(call, "id"),
        name: textAt(call, "name") ?? "",
        arguments: goJson(args ?? null),
        type: "function",
      }),
    },
    ...(args === undefined ? {} : { hole: { as: "json", at: [...at, "args"] } }),
  };
}

function responsePiece(found: JsonObject, at: Path): Piece {
  const response = member(found, "response") ?? null;
  const text = isObject(response) ? goJson(response) : undefined;
  return {
    part: {
      type: "tool-result",
      ...(text !== undefined && { text }),
      meta: { name: textAt(found, "name") ?? "", tool_call_id: textAt(found, "id") ?? "" },
    },
    hole: {
      as: "response",
      at: [...at, "response"],
      ...(text === undefined && { absent: true }),
    },
  };
}
