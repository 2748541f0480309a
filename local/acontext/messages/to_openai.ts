/** Stored messages as OpenAI chat messages. @module */

import { goJson } from "../go_json.ts";
import type { JsonObject } from "../json.ts";
import type { Message } from "../store/messages.ts";
import type { Files } from "./files.ts";
import { compact, metaText } from "./normalized.ts";
import type { Part } from "./part.ts";

export function toOpenai(messages: readonly Message[], files: Files): JsonObject[] {
  return messages.map((message) => {
    const { role, parts, meta } = message;
    const name = metaText(meta, "name") || undefined;
    const original = metaText(meta, "original_role");
    if (original === "system" || original === "developer") {
      return compact({ role: original, content: textsOf(parts), name });
    }
    if (role === "assistant") return assistant(message);
    if (parts.length > 0 && parts.every(({ type }) => type === "tool-result")) return tool(parts);
    return compact({ role: "user", content: content(parts, files), name });
  });
}

function content(parts: readonly Part[], files: Files): string | JsonObject[] {
  const [first] = parts;
  if (parts.length === 1 && first?.type === "text") return first.text ?? "";
  return parts.map((part) => contentPart(part, files)).filter((shown) => shown !== null);
}

function contentPart({ type, text, meta, asset }: Part, files: Files): JsonObject | null {
  switch (type) {
    case "text":
      return { type, text: text ?? "" };
    case "image": {
      const url = (asset === undefined ? null : files.url(asset)) ?? metaText(meta, "url");
      const detail = metaText(meta, "detail") || undefined;
      return url === "" ? null : { type: "image_url", image_url: compact({ url, detail }) };
    }
    case "audio":
      return {
        type: "input_audio",
        input_audio: { data: metaText(meta, "data"), format: metaText(meta, "format") },
      };
    case "file": {
      const named = ["file_id", "file_data", "filename"].map((key) => [key, metaText(meta, key)]);
      const file = Object.fromEntries(named.filter(([, value]) => value !== ""));
      return Object.keys(file).length === 0 ? null : { type, file };
    }
    default:
      return null;
  }
}

function assistant({ parts, meta }: Message): JsonObject {
  const texts = parts.flatMap(({ type, text }) =>
    (type === "text" || type === "thinking") && text ? [{ type: "text", text }] : []
  );
  const calls = parts.filter(({ type }) => type === "tool-call").flatMap(toolCall);
  return compact({
    role: "assistant",
    content: texts.length > 1 ? texts : texts[0]?.text,
    tool_calls: calls.length > 0 ? calls : undefined,
    name: metaText(meta, "name") || undefined,
  });
}

function toolCall({ meta }: Part): JsonObject[] {
  const id = metaText(meta, "id");
  const name = metaText(meta, "name");
  if (id === "" || name === "") return [];
  const kept = meta?.["arguments"] ?? "";
  // Empty arguments come out as JSON, too.
  const args = typeof kept === "string" && kept !== "" ? kept : goJson(kept);
  return [{ id, type: "function", function: { name, arguments: args } }];
}

function textsOf(parts: readonly Part[]): string {
  return parts.filter(({ type }) => type === "text").map(({ text }) => text ?? "").join("");
}

function tool(parts: readonly Part[]): JsonObject {
  const ids = parts.map(({ meta }) => metaText(meta, "tool_call_id"));
  return {
    role: "tool",
    tool_call_id: ids.find((id) => id !== "") ?? "",
    content: parts.map(({ text }) => text ?? "").join(""),
  };
}
