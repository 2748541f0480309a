/**
 * Writes what a message says as a content of Gemini.
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
  textToBase64,
  type Written,
} from "./content.ts";
import { compact, parseObject } from "./json.ts";

/** Gemini wants a name, and of a result without its call nobody knows one. */
const UNKNOWN = "unknown";

export function writeGemini({ role, name, items }: Content): Written {
  const omitted: Omission[] = [];
  const parts = items.flatMap((item) => toPart(item, omitted));
  if (parts.length === 0) return { messages: [], omitted };
  // Instructions are no content of Gemini's: beside them, it has the user's and the model's only.
  if (role === "system" || role === "developer") {
    omitted.push({ at: ["role"], reason: "no_equivalent" });
  }
  if (name !== undefined) omitted.push({ at: ["name"], reason: "no_equivalent" });
  return { messages: [{ role: role === "assistant" ? "model" : "user", parts }], omitted };
}

function toPart(item: Item, omitted: Omission[]): JsonObject[] {
  switch (item.kind) {
    case "text":
    case "refusal":
      return [{ text: item.text }];
    case "thought": {
      const isOwn = item.by === "gemini";
      if (!isOwn && item.signature !== undefined) {
        omitted.push({ at: [...item.at, "signature"], reason: "provider_bound" });
      }
      if (item.text === "") return [];
      const thoughtSignature = isOwn ? item.signature : undefined;
      return [compact({ text: item.text, thought: true, thoughtSignature })];
    }
    case "media": {
      const part = mediaPart(item);
      if (part !== null) return [part];
      omitted.push({ at: item.at, reason: "mentioned" });
      return [{ text: mention(item) }];
    }
    case "call": {
      const args = item.custom ? { input: item.args } : parseObject(item.args || "{}");
      if (args === undefined) omitted.push({ at: item.at, reason: "no_equivalent" });
      return [{ functionCall: compact({ id: item.id, name: item.name, args: filledOnly(args) }) }];
    }
    case "result":
      return [resultPart(item, omitted)];
    case "redacted":
    case "other": {
      const reason = item.kind === "redacted" ? "provider_bound" : "no_equivalent";
      omitted.push({ at: item.at, reason });
      return [];
    }
  }
}

/** Gemini reads an empty object as an absent one. */
function filledOnly(object: JsonObject | undefined): JsonObject | undefined {
  return object === undefined || Object.keys(object).length === 0 ? undefined : object;
}

function resultPart(
  { at, id, name, content, isError }: Extract<Item, { kind: "result" }>,
  omitted: Omission[],
): JsonObject {
  if (name === undefined) omitted.push({ at: [...at, "name"], reason: "no_equivalent" });
  const texts: string[] = [];
  const parts: JsonObject[] = [];
  for (const item of content) {
    const part = item.kind === "text" ? null : mediaPart(item);
    if (part !== null) {
      parts.push(part);
    } else if (item.kind === "text") {
      texts.push(item.text);
    } else {
      texts.push(mention(item));
      omitted.push({ at: item.at, reason: "mentioned" });
    }
  }
  return {
    functionResponse: compact({
      id,
      name: name ?? UNKNOWN,
      response: filledOnly(toResponse(texts, isError)),
      parts: parts.length === 0 ? undefined : parts,
    }),
  };
}

/** A JSON object is the response itself; any other text is what Gemini calls output, or error. */
function toResponse(texts: string[], isError: boolean): JsonObject {
  const [only = ""] = texts;
  const kind = isError ? "error" : "output";
  if (texts.length > 1) return { [kind]: texts };
  if (only === "") return isError ? { error: "" } : {};
  const object = isError ? undefined : parseObject(only);
  return object ?? { [kind]: only };
}

/** Null where there is nothing to read. */
function mediaPart({ filename, ...item }: MediaItem): JsonObject | null {
  const source = readableSource(item.source);
  switch (source.kind) {
    case "base64":
      return source.mimeType === undefined
        ? null
        : { inlineData: { mimeType: source.mimeType, data: source.data } };
    case "text":
      return {
        inlineData: { mimeType: "text/plain", data: textToBase64(source.text) },
      };
    case "url":
      return /^https?:/.test(source.url)
        ? {
          fileData: compact({
            fileUri: source.url,
            mimeType: source.mimeType,
            displayName: filename,
          }),
        }
        : null;
    case "id":
      return null;
  }
}
