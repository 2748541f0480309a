/**
 * OpenAI's chat messages as parts, as Acontext itself would make them (API 0.1.41), and more.
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
import { opaquePiece, type Piece, type Pieces, resultHole, textPiece } from "./parts.ts";

export function openaiPieces(message: JsonObject): Pieces {
  const role = textAt(message, "role") ?? "user";
  const name = filledAt(message, "name");
  switch (role) {
    case "assistant":
      return { role, pieces: assistantPieces(message), notes: { name } };
    case "tool":
      return {
        role: "user",
        pieces: [resultPiece(message, { tool_call_id: textAt(message, "tool_call_id") ?? "" })],
        notes: {},
      };
    case "function":
      // Acontext wants an id; an old function's result has none.
      return {
        role: "user",
        pieces: [resultPiece(message, { tool_call_id: "", name: name ?? "" })],
        notes: {},
      };
    default: {
      const original_role = role === "user" ? undefined : role;
      return { role: "user", pieces: contentPieces(message), notes: { name, original_role } };
    }
  }
}

/** Members in which servers that speak OpenAI's format tell what a model thought. */
export const THOUGHTS = ["reasoning_content", "reasoning"] as const;

function assistantPieces(message: JsonObject): Piece[] {
  const thoughts = THOUGHTS.flatMap((name) => {
    const text = filledAt(message, name);
    return text === undefined ? [] : [textPiece(text, { at: [name], type: "thinking" })];
  });
  const refusal = filledAt(message, "refusal");
  const called = objectAt(message, "function_call");
  return [
    ...thoughts,
    ...contentPieces(message),
    ...(refusal === undefined
      ? []
      : [textPiece(refusal, { at: ["refusal"], meta: { is_refusal: true } })]),
    ...listAt(message, "tool_calls").map((call, index) => callPiece(call, ["tool_calls", index])),
    ...(called === undefined ? [] : [functionPiece(called, { at: ["function_call"] })]),
  ];
}

function contentPieces(message: JsonObject): Piece[] {
  const content = member(message, "content");
  // Nothing is said, and the frame keeps it.
  if (content === "") return [];
  if (typeof content === "string") return [textPiece(content, { at: ["content"] })];
  return listAt(message, "content").map((part, index) => contentPiece(part, ["content", index]));
}

function contentPiece(part: Json, at: Path): Piece {
  if (!isObject(part)) return opaquePiece("unknown");
  const type = textAt(part, "type") ?? "unknown";
  const { image_url, input_audio, file } = part;
  if (type === "text") return textPiece(textAt(part, "text") ?? "", { at: [...at, "text"] });
  if (type === "refusal") {
    const text = textAt(part, "refusal") ?? "";
    return textPiece(text, { at: [...at, "refusal"], meta: { is_refusal: true } });
  }
  if (type === "image_url" && isObject(image_url)) {
    const meta = { url: textAt(image_url, "url"), detail: textAt(image_url, "detail") ?? "" };
    return {
      part: { type: "image", meta },
      hole: { as: "meta", at: [...at, "image_url", "url"], key: "url" },
    };
  }
  if (type === "input_audio" && isObject(input_audio)) {
    const meta = compact({
      data: textAt(input_audio, "data"),
      format: textAt(input_audio, "format"),
    });
    return {
      part: { type: "audio", meta },
      hole: { as: "meta", at: [...at, "input_audio", "data"], key: "data" },
    };
  }
  if (type === "file" && isObject(file)) {
    const file_data = filledAt(file, "file_data");
    const meta = compact({
      file_id: filledAt(file, "file_id"),
      file_data,
      filename: filledAt(file, "filename"),
    });
    return {
      part: { type: "file", meta },
      ...(file_data === undefined
        ? {}
        : { hole: { as: "meta", at: [...at, "file", "file_data"], key: "file_data" } }),
    };
  }
  return opaquePiece(`openai.${type}`);
}

function callPiece(call: Json, at: Path): Piece {
  if (!isObject(call)) return opaquePiece("unknown");
  const id = textAt(call, "id");
  const custom = objectAt(call, "custom");
  if (custom !== undefined) {
    // Acontext reads arguments as JSON; these are a text.
    const args = goJson({ input: textAt(custom, "input") ?? "" });
    return {
      part: {
        type: "tool-call",
        meta: compact({ id, name: textAt(custom, "name") ?? "", arguments: args, type: "custom" }),
      },
      hole: { as: "input", at: [...at, "custom", "input"] },
    };
  }
  const called = objectAt(call, "function");
  return called === undefined
    ? opaquePiece("openai.tool_call")
    : functionPiece(called, { id, at: [...at, "function"] });
}

function functionPiece(
  called: JsonObject,
  { id, at }: { id?: string | undefined; at: Path },
): Piece {
  const args = textAt(called, "arguments") ?? "";
  const name = textAt(called, "name") ?? "";
  return {
    part: { type: "tool-call", meta: compact({ id, name, arguments: args, type: "function" }) },
    hole: { as: "arguments", at: [...at, "arguments"] },
  };
}

function resultPiece(message: JsonObject, meta: JsonObject): Piece {
  const texts = listAt(message, "content").flatMap((part, index) =>
    isObject(part) && typeof part["text"] === "string"
      ? [{ at: ["content", index, "text"], text: part["text"] }]
      : []
  );
  const { text, hole } = resultHole(member(message, "content"), { at: ["content"], texts });
  return { part: { type: "tool-result", ...(text && { text }), meta }, hole };
}
