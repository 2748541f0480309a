/** Stored messages as Gemini contents; a message without any part to show is left out. @module */

import { isObject, type JsonObject, parseJson } from "../json.ts";
import type { Message } from "../store/messages.ts";
import { type Files, inlineImage } from "./files.ts";
import { compact, metaText, parseArguments } from "./normalized.ts";
import type { Part } from "./part.ts";

export function toGemini(messages: readonly Message[], files: Files): JsonObject[] {
  const callNames = new Map(
    messages.flatMap(({ parts }) => parts).filter(({ type }) => type === "tool-call")
      .map(({ meta }) => [metaText(meta, "id"), metaText(meta, "name")]),
  );
  return messages.map(({ role, parts }) => ({
    role: role === "assistant" ? "model" : "user",
    parts: parts.flatMap((part) => geminiPart(part, { files, callNames }) ?? []),
  })).filter(({ parts }) => parts.length > 0);
}

interface Context {
  files: Files;
  callNames: ReadonlyMap<string, string>;
}

function geminiPart(part: Part, { files, callNames }: Context): JsonObject | null {
  const { type, text = "", meta } = part;
  switch (type) {
    case "text":
      return text === "" ? null : { text };
    case "thinking":
      return text === "" ? null : compact({
        text,
        thought: true,
        thoughtSignature: metaText(meta, "signature") || undefined,
      });
    case "image": {
      const image = inlineImage(part, files);
      return image === null ? null : { inlineData: { mimeType: image.mime, data: image.base64 } };
    }
    case "tool-call": {
      const id = metaText(meta, "id") || undefined;
      const name = metaText(meta, "name");
      const args = filledOnly(parseArguments(meta?.["arguments"]));
      return name === "" ? null : { functionCall: compact({ id, name, args }) };
    }
    case "tool-result": {
      const id = metaText(meta, "tool_call_id");
      const name = metaText(meta, "name") || callNames.get(id);
      if (!name) return null;
      const answer = filledOnly(response(text));
      return { functionResponse: compact({ id: id || undefined, name, response: answer }) };
    }
    default:
      return null;
  }
}

/** An empty object is left out. */
function filledOnly(object: JsonObject): JsonObject | undefined {
  return Object.keys(object).length === 0 ? undefined : object;
}

function response(text: string): JsonObject {
  if (text === "") return {};
  const parsed = parseJson(text);
  return parsed.ok && isObject(parsed.value) ? parsed.value : { output: text };
}
