/**
 * What a chat message of OpenAI says.
 *
 * @module
 */
import type { Json, JsonObject } from "../../ports.ts";
import {
  type Content,
  fileDataSource,
  type Item,
  type MediaItem,
  type TextItem,
  urlSource,
} from "./content.ts";
import { filledAt, isObject, listAt, member, objectAt, type Path, textAt } from "./json.ts";
import { lostMembers } from "./lost.ts";
import { THOUGHTS } from "./openai_parts.ts";

const KNOWN = [
  "role",
  "content",
  "name",
  "refusal",
  "tool_calls",
  "function_call",
  "tool_call_id",
  ...THOUGHTS,
];
const PART_KNOWN = ["type", "text", "refusal", "image_url", "input_audio", "file"];

export function readOpenai(message: JsonObject): Content {
  const role = textAt(message, "role");
  const lost = lostMembers(message, KNOWN);
  const name = filledAt(message, "name");
  if (role === "tool" || role === "function") {
    const isFunction = role === "function";
    const content = contentItems(message).filter((item): item is TextItem | MediaItem =>
      item.kind === "text" || item.kind === "media"
    );
    const id = isFunction ? undefined : filledAt(message, "tool_call_id");
    return {
      role: "user",
      items: [{ kind: "result", at: [], id, name, content, isError: false }],
      lost: [...lost, ...partsLost(message)],
    };
  }
  return {
    role: role === "assistant" || role === "system" || role === "developer" ? role : "user",
    name,
    items: [
      ...THOUGHTS.flatMap((at): Item[] => {
        const text = filledAt(message, at);
        return text === undefined ? [] : [{ kind: "thought", at: [at], text, by: "openai" }];
      }),
      ...contentItems(message),
      ...refusalItems(message, []),
      ...listAt(message, "tool_calls").map((call, index) => callItem(call, ["tool_calls", index])),
      ...functionCall(message),
    ],
    lost: [...lost, ...partsLost(message)],
  };
}

function partsLost(message: JsonObject): Path[] {
  return [
    ...listAt(message, "content").flatMap((part, index) =>
      isObject(part) ? lostMembers(part, PART_KNOWN, ["content", index]) : []
    ),
    ...listAt(message, "tool_calls").flatMap((call, index) =>
      isObject(call)
        ? lostMembers(call, ["id", "type", "function", "custom", "index"], ["tool_calls", index])
        : []
    ),
  ];
}

function refusalItems(holder: JsonObject, at: Path): Item[] {
  const text = filledAt(holder, "refusal");
  return text === undefined ? [] : [{ kind: "refusal", at: [...at, "refusal"], text }];
}

function contentItems(message: JsonObject): Item[] {
  const content = member(message, "content");
  if (typeof content === "string") {
    return content === "" ? [] : [{ kind: "text", at: ["content"], text: content }];
  }
  return listAt(message, "content").flatMap((part, index) => partItems(part, ["content", index]));
}

function partItems(part: Json, at: Path): Item[] {
  if (!isObject(part)) return [{ kind: "other", at }];
  const { type, image_url, input_audio, file } = part;
  if (type === "text") {
    const text = filledAt(part, "text");
    return text === undefined ? [] : [{ kind: "text", at, text }];
  }
  if (type === "refusal") return refusalItems(part, at);
  if (type === "image_url" && isObject(image_url)) {
    const source = urlSource(textAt(image_url, "url") ?? "");
    const detail = filledAt(image_url, "detail");
    return [{ kind: "media", at, media: "image", source, detail }];
  }
  if (type === "input_audio" && isObject(input_audio)) {
    const mimeType = `audio/${textAt(input_audio, "format") ?? "wav"}`;
    const data = textAt(input_audio, "data") ?? "";
    return [{ kind: "media", at, media: "audio", source: { kind: "base64", data, mimeType } }];
  }
  if (type === "file" && isObject(file)) {
    const data = filledAt(file, "file_data");
    const id = filledAt(file, "file_id");
    const filename = filledAt(file, "filename");
    const source = data === undefined ? { kind: "id", id } as const : fileDataSource(data);
    return [{ kind: "media", at, media: "file", source, filename }];
  }
  return [{ kind: "other", at }];
}

function callItem(call: Json, at: Path): Item {
  if (!isObject(call)) return { kind: "other", at };
  const id = filledAt(call, "id");
  const custom = objectAt(call, "custom");
  if (custom !== undefined) {
    const [name, args] = [textAt(custom, "name") ?? "", textAt(custom, "input") ?? ""];
    return { kind: "call", at, id, name, args, custom: true };
  }
  const called = objectAt(call, "function");
  return called === undefined ? { kind: "other", at } : toCall(called, { at, id });
}

function functionCall(message: JsonObject): Item[] {
  const called = objectAt(message, "function_call");
  return called === undefined ? [] : [toCall(called, { at: ["function_call"], id: undefined })];
}

function toCall(called: JsonObject, { at, id }: { at: Path; id: string | undefined }): Item {
  const [name, args] = [textAt(called, "name") ?? "", textAt(called, "arguments") ?? ""];
  return { kind: "call", at, id, name, args, custom: false };
}
