/**
 * Writes what a message says as chat messages of OpenAI.
 *
 * @module
 */
import type { Json, JsonObject } from "../../ports.ts";
import {
  type Content,
  type Item,
  type MediaItem,
  mention,
  type Omission,
  readableSource,
  textToBase64,
  type Written,
} from "./content.ts";
import { compact } from "./json.ts";

type Result = Extract<Item, { kind: "result" }>;

/** Results become messages of their own, before the rest: they have to follow the calls. */
export function writeOpenai({ role, name, items }: Content): Written {
  const omitted: Omission[] = [];
  const said = items.filter((item) => item.kind !== "result");
  const results = items.filter((item): item is Result => item.kind === "result");
  const messages: Json[] = results.map((result) => toolMessage(result, omitted));
  const rest = role === "assistant"
    ? assistantMessage(said, { name, omitted })
    : contentMessage(said, { role, name, omitted });
  return { messages: rest === null ? messages : [...messages, rest], omitted };
}

function toolMessage(result: Result, omitted: Omission[]): JsonObject {
  if (result.isError) omitted.push({ at: [...result.at, "is_error"], reason: "no_equivalent" });
  const texts = result.content.map((item) => {
    if (item.kind === "text") return item.text;
    omitted.push({ at: item.at, reason: "mentioned" });
    return mention(item);
  });
  const [only = ""] = texts;
  return {
    role: "tool",
    tool_call_id: result.id ?? "",
    content: texts.length > 1 ? texts.map((text) => ({ type: "text", text })) : only,
  };
}

function assistantMessage(
  items: Item[],
  { name, omitted }: { name: string | undefined; omitted: Omission[] },
): JsonObject | null {
  const content: JsonObject[] = [];
  const calls: JsonObject[] = [];
  for (const item of items) {
    switch (item.kind) {
      case "text":
        content.push({ type: "text", text: item.text });
        break;
      case "refusal":
        content.push({ type: "refusal", refusal: item.text });
        break;
      case "media":
        content.push({ type: "text", text: mention(item) });
        omitted.push({ at: item.at, reason: "mentioned" });
        break;
      case "call":
        calls.push(toolCall(item));
        break;
      default:
        omitted.push(omission(item));
    }
  }
  if (content.length + calls.length === 0) return null;
  return compact({
    role: "assistant",
    content: content.length === 0 ? undefined : textOrList(content),
    tool_calls: calls.length === 0 ? undefined : calls,
    name,
  });
}

function toolCall({ id = "", name, args, custom }: Extract<Item, { kind: "call" }>): JsonObject {
  return custom
    ? { id, type: "custom", custom: { name, input: args } }
    : { id, type: "function", function: { name, arguments: args } };
}

function contentMessage(
  items: Item[],
  { role, name, omitted }: {
    role: "user" | "system" | "developer";
    name: string | undefined;
    omitted: Omission[];
  },
): JsonObject | null {
  const content = items.flatMap((item): JsonObject[] => {
    switch (item.kind) {
      case "text":
      case "refusal":
        return [{ type: "text", text: item.text }];
      case "media": {
        const part = role === "user" ? mediaPart(item) : null;
        if (part !== null) return [part];
        omitted.push({ at: item.at, reason: "mentioned" });
        return [{ type: "text", text: mention(item) }];
      }
      default:
        omitted.push(omission(item));
        return [];
    }
  });
  return content.length === 0 ? null : compact({ role, content: textOrList(content), name });
}

function omission({ at, kind }: Item): Omission {
  return { at, reason: kind === "redacted" ? "provider_bound" : "no_equivalent" };
}

function textOrList(content: JsonObject[]): Json {
  const [first] = content;
  return content.length === 1 && first?.["type"] === "text" ? first["text"] ?? "" : content;
}

/** Null where OpenAI takes no such file. */
function mediaPart({ media, filename, detail, ...item }: MediaItem): JsonObject | null {
  const source = readableSource(item.source);
  const url = source.kind === "url"
    ? source.url
    : source.kind === "base64" && source.mimeType !== undefined
    ? `data:${source.mimeType};base64,${source.data}`
    : "";
  if (media === "image") {
    return url === "" ? null : { type: "image_url", image_url: compact({ url, detail }) };
  }
  if (media === "audio") {
    const format = source.kind === "base64" ? audioFormat(source.mimeType) : null;
    return source.kind !== "base64" || format === null
      ? null
      : { type: "input_audio", input_audio: { data: source.data, format } };
  }
  if (media === "video") return null;
  if (source.kind === "text") {
    const file_data = `data:text/plain;base64,${textToBase64(source.text)}`;
    return { type: "file", file: { file_data, filename: filename ?? "document.txt" } };
  }
  if (source.kind === "id" && source.by === "openai" && source.id !== undefined) {
    return { type: "file", file: compact({ file_id: source.id, filename }) };
  }
  if (source.kind !== "base64" || url === "") return null;
  return { type: "file", file: { file_data: url, filename: filename ?? "document.pdf" } };
}

function audioFormat(mimeType: string | undefined): "wav" | "mp3" | null {
  if (/^audio\/(x-|vnd\.)?wave?$/.test(mimeType ?? "")) return "wav";
  return /^audio\/(mp3|mpeg)$/.test(mimeType ?? "") ? "mp3" : null;
}
