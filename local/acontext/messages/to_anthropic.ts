/** Stored messages as Anthropic messages. @module */

import { isObject, type JsonObject } from "../json.ts";
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
  switch (type) {
    case "text":
      return text === "" ? null : compact({ type, text, cache_control: cacheControl(meta) });
    case "thinking":
      return text === "" ? null : { type, thinking: text, signature: metaText(meta, "signature") };
    case "redacted_thinking": {
      const data = metaText(meta, "data");
      return data === "" ? null : { type, data };
    }
    case "image": {
      const image = inlineImage(part, files);
      return image === null ? null : {
        type,
        source: { type: "base64", media_type: image.mime, data: image.base64 },
      };
    }
    case "tool-call": {
      const id = metaText(meta, "id");
      const name = metaText(meta, "name");
      const kept = meta?.["arguments"];
      // As the arguments of a call of Gemini's that has none are kept.
      const input = kept === "null" ? undefined : parseArguments(kept);
      return id === "" || name === "" ? null : compact({ type: "tool_use", id, name, input });
    }
    case "tool-result": {
      const id = metaText(meta, "tool_call_id");
      return id === "" ? null : {
        type: "tool_result",
        tool_use_id: id,
        content: [{ type: "text", text }],
        is_error: meta?.["is_error"] === true,
      };
    }
    case "file": {
      const source = documentSource(meta);
      return source === null ? null : { type: "document", source };
    }
    default:
      return null;
  }
}

function cacheControl(meta: JsonObject | undefined): JsonObject | undefined {
  const control = meta?.["cache_control"];
  return isObject(control) && control["type"] === "ephemeral" ? { type: "ephemeral" } : undefined;
}

/** Of files with an asset nothing is shown. */
function documentSource(meta: JsonObject | undefined): JsonObject | null {
  const [type, data, media, url] = ["type", "data", "media_type", "url"].map((key) =>
    metaText(meta, key)
  );
  if (type === "base64" && data && media) return { type, media_type: "application/pdf", data };
  return type === "url" && url ? { type, url } : null;
}
