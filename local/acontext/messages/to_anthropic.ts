/** Stored messages as Anthropic messages. @module */

import type { JsonObject } from "../json.ts";
import type { Message } from "../store/messages.ts";
import { type Files, inlineImage } from "./files.ts";
import { compact, metaText, parseArguments } from "./normalized.ts";
import type { Part } from "./part.ts";

export function toAnthropic(messages: readonly Message[], files: Files): JsonObject[] {
  return messages.map(({ role, parts }) => ({
    role,
    content: parts.flatMap((part) => block(part, files) ?? []),
  }));
}

function block(part: Part, files: Files): JsonObject | null {
  const { type, text = "", meta } = part;
  const cache_control = meta?.["cache_control"];
  switch (type) {
    case "text":
      return text === "" ? null : compact({ type, text, cache_control });
    case "thinking":
      return { type, thinking: text, signature: metaText(meta, "signature") };
    case "image": {
      const source = imageSource(part, files);
      return source === null ? null : compact({ type, source, cache_control });
    }
    case "tool-call": {
      const id = metaText(meta, "id");
      const name = metaText(meta, "name");
      const input = parseArguments(meta?.["arguments"]);
      return id === "" || name === ""
        ? null
        : compact({ type: "tool_use", id, name, input, cache_control });
    }
    case "tool-result":
      return compact({
        type: "tool_result",
        tool_use_id: metaText(meta, "tool_call_id"),
        content: [{ type: "text", text }],
        is_error: meta?.["is_error"] === true,
        cache_control,
      });
    case "file": {
      const source = documentSource(meta);
      return source === null ? null : compact({ type: "document", source, cache_control });
    }
    default:
      return null;
  }
}

function imageSource(part: Part, files: Files): JsonObject | null {
  const image = inlineImage(part, files);
  if (image !== null) return { type: "base64", media_type: image.mime, data: image.base64 };
  const url = metaText(part.meta, "url");
  return url === "" ? null : { type: "url", url };
}

function documentSource(meta: JsonObject | undefined): JsonObject | null {
  const data = metaText(meta, "data");
  if (data !== "") return { type: "base64", media_type: metaText(meta, "media_type"), data };
  const url = metaText(meta, "url");
  return url === "" ? null : { type: "url", url };
}
