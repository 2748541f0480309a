/**
 * Writes what a message says as a message of Anthropic.
 *
 * @module
 */
import type { JsonObject } from "../../ports.ts";
import {
  type Content,
  type Item,
  type MediaItem,
  mention,
  type Omission,
  readableSource,
  type TextItem,
  type Written,
} from "./content.ts";
import { compact, parseObject } from "./json.ts";

const IMAGES = ["image/jpeg", "image/png", "image/gif", "image/webp"];
/** Whose signatures Anthropic can check: its own, and what is stored as Acontext's comes from nowhere else. */
const OWN = ["anthropic", "acontext"];

export function writeAnthropic({ role, name, items }: Content): Written {
  const omitted: Omission[] = [];
  const isSystem = role === "system" || role === "developer";
  const content = items.flatMap((item) => block(item, omitted));
  if (content.length === 0) return { messages: [], omitted };
  // In a conversation, Anthropic has instructions from the user only.
  if (isSystem) omitted.push({ at: ["role"], reason: "no_equivalent" });
  if (name !== undefined) omitted.push({ at: ["name"], reason: "no_equivalent" });
  return {
    messages: [{ role: role === "assistant" ? role : "user", content }],
    omitted,
  };
}

function block(item: Item, omitted: Omission[]): JsonObject[] {
  switch (item.kind) {
    case "text":
      return [textBlock(item)];
    case "refusal":
      return [{ type: "text", text: item.text }];
    case "thought":
      if (item.signature !== undefined && OWN.includes(item.by) && item.text !== "") {
        return [{ type: "thinking", thinking: item.text, signature: item.signature }];
      }
      // One without a signature is refused.
      omitted.push({
        at: item.at,
        reason: item.signature === undefined ? "no_equivalent" : "provider_bound",
      });
      return [];
    case "redacted":
      return [{ type: "redacted_thinking", data: item.data }];
    case "media":
      return [mediaOrMention(item, omitted)];
    case "call": {
      const input = item.custom ? { input: item.args } : parseObject(item.args || "{}");
      if (input === undefined) omitted.push({ at: item.at, reason: "no_equivalent" });
      return [{ type: "tool_use", id: item.id ?? "", name: item.name, input: input ?? {} }];
    }
    case "result": {
      const content = item.content.map((found) =>
        found.kind === "text" ? textBlock(found) : mediaOrMention(found, omitted)
      );
      return [{
        type: "tool_result",
        tool_use_id: item.id ?? "",
        content: content.length === 0 ? [{ type: "text", text: "" }] : content,
        is_error: item.isError,
      }];
    }
    case "other":
      omitted.push({ at: item.at, reason: "no_equivalent" });
      return [];
  }
}

function textBlock({ text, cacheControl }: TextItem): JsonObject {
  const cache_control = cacheControl?.["type"] === "ephemeral" ? { type: "ephemeral" } : undefined;
  return compact({ type: "text", text, cache_control });
}

function mediaOrMention(item: MediaItem, omitted: Omission[]): JsonObject {
  const found = mediaBlock(item);
  if (found !== null) return found;
  omitted.push({ at: item.at, reason: "mentioned" });
  return { type: "text", text: mention(item) };
}

/** Null where Anthropic takes no such file. */
function mediaBlock({ media, filename, ...item }: MediaItem): JsonObject | null {
  const source = readableSource(item.source);
  const isPdf = source.kind !== "id" &&
    (source.mimeType ?? "application/pdf") === "application/pdf";
  if (media === "image") {
    if (source.kind === "url" && /^https?:/.test(source.url)) {
      return { type: "image", source: { type: "url", url: source.url } };
    }
    return source.kind === "base64" && IMAGES.includes(source.mimeType ?? "")
      ? {
        type: "image",
        source: { type: "base64", media_type: source.mimeType, data: source.data },
      }
      : null;
  }
  if (media !== "file") return null;
  if (source.kind === "text") {
    const data = { type: "text", media_type: "text/plain", data: source.text };
    return compact({ type: "document", source: data, title: filename });
  }
  if (source.kind === "url" && isPdf && /^https?:/.test(source.url)) {
    const data = { type: "url", url: source.url };
    return compact({ type: "document", source: data, title: filename });
  }
  if (source.kind === "base64" && isPdf) {
    const data = { type: "base64", media_type: "application/pdf", data: source.data };
    return compact({ type: "document", source: data, title: filename });
  }
  return null;
}
