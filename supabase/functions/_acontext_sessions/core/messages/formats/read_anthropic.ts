/**
 * What a message of Anthropic says.
 *
 * @module
 */
import type { Json, JsonObject } from "../../ports.ts";
import { type Content, type Item, type MediaItem, type Source, type TextItem } from "./content.ts";
import { filledAt, goJson, isObject, listAt, member, objectAt, type Path, textAt } from "./json.ts";
import { lostMembers } from "./lost.ts";

/** Members of each kind of block that other formats know. A point to cache up to says nothing. */
const KNOWN: Record<string, string[]> = {
  text: ["text"],
  image: ["source"],
  document: ["source", "title"],
  search_result: ["content", "title"],
  tool_use: ["id", "name", "input"],
  tool_result: ["tool_use_id", "content", "is_error"],
  thinking: ["thinking", "signature"],
  redacted_thinking: ["data"],
};

export function readAnthropic(message: JsonObject): Content {
  const role = textAt(message, "role");
  const content = member(message, "content");
  const lost: Path[] = lostMembers(message, ["role", "content"]);
  const items = typeof content === "string"
    ? content === "" ? [] : [{ kind: "text", at: ["content"], text: content } as const]
    : listAt(message, "content").flatMap((block, index) =>
      blockItems(block, { at: ["content", index], lost })
    );
  return {
    role: role === "assistant" || role === "system" ? role : "user",
    items,
    lost,
  };
}

function blockItems(block: Json, { at, lost }: { at: Path; lost: Path[] }): Item[] {
  if (!isObject(block)) return [{ kind: "other", at }];
  const type = textAt(block, "type") ?? "";
  if (Object.hasOwn(KNOWN, type)) {
    // One by one: as arguments of one call they may be more than a stack holds.
    for (const path of lostMembers(block, ["type", "cache_control", ...KNOWN[type] ?? []], at)) {
      lost.push(path);
    }
  }
  switch (type) {
    case "text": {
      const text = filledAt(block, "text");
      return text === undefined ? [] : [{ kind: "text", at, text }];
    }
    case "thinking": {
      const [text, signature] = [textAt(block, "thinking") ?? "", filledAt(block, "signature")];
      return [{ kind: "thought", at, text, signature, by: "anthropic" }];
    }
    case "redacted_thinking":
      return [{ kind: "redacted", at, data: textAt(block, "data") ?? "" }];
    case "image":
    case "document":
      return [mediaItem(block, { at, type })];
    case "search_result": {
      const source = {
        kind: "text",
        text: plainText(block) ?? "",
        mimeType: "text/plain",
      } as const;
      return [{ kind: "media", at, media: "file", source, filename: filledAt(block, "title") }];
    }
    case "tool_use": {
      const args = goJson(member(block, "input") ?? null);
      const [id, name] = [filledAt(block, "id"), textAt(block, "name") ?? ""];
      return [{ kind: "call", at, id, name, args, custom: false }];
    }
    case "tool_result": {
      const content = resultContent(block, { at, lost });
      const [id, isError] = [filledAt(block, "tool_use_id"), block["is_error"] === true];
      return [{ kind: "result", at, id, name: undefined, content, isError }];
    }
    default:
      return [{ kind: "other", at }];
  }
}

function resultContent(
  block: JsonObject,
  { at, lost }: { at: Path; lost: Path[] },
): (TextItem | MediaItem)[] {
  const content = member(block, "content");
  const path = [...at, "content"];
  if (typeof content === "string") {
    return content === "" ? [] : [{ kind: "text", at: path, text: content }];
  }
  return listAt(block, "content").flatMap((found, index) =>
    blockItems(found, { at: [...path, index], lost }).flatMap((item) => {
      if (item.kind === "text" || item.kind === "media") return [item];
      lost.push(item.at);
      return [];
    })
  );
}

function mediaItem(
  block: JsonObject,
  { at, type }: { at: Path; type: "image" | "document" },
): MediaItem {
  const filename = filledAt(block, "title");
  const media = type === "image" ? "image" : "file";
  return { kind: "media", at, media, source: sourceOf(objectAt(block, "source") ?? {}), filename };
}

function sourceOf(source: JsonObject): Source {
  const mimeType = filledAt(source, "media_type");
  const data = textAt(source, "data");
  const url = textAt(source, "url");
  switch (source["type"]) {
    case "base64":
      return { kind: "base64", data: data ?? "", mimeType };
    case "text":
      return { kind: "text", text: data ?? "", mimeType: mimeType ?? "text/plain" };
    case "url":
      return { kind: "url", url: url ?? "", mimeType };
    case "content": {
      const text = plainText(source);
      // With an image in it, it is more than a text.
      if (text !== undefined) return { kind: "text", text, mimeType: "text/plain" };
      return { kind: "id", id: undefined };
    }
    default:
      return { kind: "id", id: textAt(source, "file_id") };
  }
}

function plainText(source: JsonObject): string | undefined {
  const content = member(source, "content");
  if (typeof content === "string") return content;
  const blocks = listAt(source, "content").map((block) =>
    isObject(block) && block["type"] === "text" ? textAt(block, "text") : undefined
  );
  return blocks.includes(undefined) ? undefined : blocks.join("\n\n");
}
