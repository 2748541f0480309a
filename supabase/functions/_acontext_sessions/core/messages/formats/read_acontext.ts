/**
 * What a message in Acontext's own format says: those that were stored in it, and those that earlier versions stored in
 * any.
 *
 * @module
 */
import type { Json, JsonObject } from "../../ports.ts";
import {
  type Content,
  fileDataSource,
  type Item,
  type Media,
  type Source,
  urlSource,
} from "./content.ts";
import {
  filledAt,
  goJson,
  isObject,
  listAt,
  member,
  objectAt,
  parseObject,
  type Path,
  textAt,
} from "./json.ts";

/** Where the files are that were sent with messages, by the hash of their content. */
export type AssetUrls = Readonly<Record<string, { url: string }>>;

export function readAcontext(message: JsonObject, urls: AssetUrls): Content {
  const notes = objectAt(message, "meta") ?? {};
  const original = textAt(notes, "original_role");
  const by = textAt(notes, "source_format") ?? "acontext";
  return {
    role: original === "system" || original === "developer"
      ? original
      : message["role"] === "assistant"
      ? "assistant"
      : "user",
    name: filledAt(notes, "name"),
    items: listAt(message, "parts").flatMap((part, index) =>
      partItems(part, { at: ["parts", index], by, urls })
    ),
    lost: [],
  };
}

function partItems(
  part: Json,
  { at, by, urls }: { at: Path; by: string; urls: AssetUrls },
): Item[] {
  if (!isObject(part)) return [{ kind: "other", at }];
  const meta = objectAt(part, "meta") ?? {};
  const text = textAt(part, "text") ?? "";
  const id = filledAt(meta, "id");
  switch (part["type"]) {
    case "text":
      if (text === "") return [];
      return [
        meta["is_refusal"] === true
          ? { kind: "refusal", at, text }
          : { kind: "text", at, text, cacheControl: objectAt(meta, "cache_control") },
      ];
    case "thinking":
      return [{ kind: "thought", at, text, signature: filledAt(meta, "signature"), by }];
    case "redacted_thinking":
      return [{ kind: "redacted", at, data: textAt(meta, "data") ?? "" }];
    case "image":
    case "audio":
    case "video":
    case "file":
      return [{
        kind: "media",
        at,
        media: part["type"],
        source: sourceOf(part, { media: part["type"], meta, urls }),
        filename: filledAt(part, "filename") ?? filledAt(meta, "filename"),
        detail: filledAt(meta, "detail"),
      }];
    case "tool-call": {
      const kept = member(meta, "arguments");
      const args = typeof kept === "string" ? kept : goJson(kept ?? {});
      const name = textAt(meta, "name") ?? "";
      const input = meta["type"] === "custom"
        ? textAt(parseObject(args) ?? {}, "input")
        : undefined;
      if (input !== undefined) return [{ kind: "call", at, id, name, args: input, custom: true }];
      // As Gemini's calls without arguments are stored.
      return [{ kind: "call", at, id, name, args: args === "null" ? "{}" : args, custom: false }];
    }
    case "tool-result":
      return [{
        kind: "result",
        at,
        id: filledAt(meta, "tool_call_id"),
        // As OpenAI's old functions are stored by Acontext itself.
        name: filledAt(meta, "name") ?? filledAt(meta, "function_name"),
        content: text === "" ? [] : [{ kind: "text", at, text }],
        isError: meta["is_error"] === true,
      }];
    default:
      return [{ kind: "other", at }];
  }
}

function sourceOf(
  part: JsonObject,
  { media, meta, urls }: { media: Media; meta: JsonObject; urls: AssetUrls },
): Source {
  const asset = objectAt(part, "asset");
  if (asset !== undefined) {
    const hash = textAt(asset, "sha256") ?? "";
    const url = Object.hasOwn(urls, hash) ? urls[hash]?.url : undefined;
    return { kind: "url", url: url ?? "", mimeType: filledAt(asset, "mime"), expires: true };
  }
  const format = filledAt(meta, "format");
  const mimeType = filledAt(meta, "media_type") ??
    (media === "audio" && format !== undefined ? `audio/${format}` : undefined);
  const url = filledAt(meta, "url");
  if (url !== undefined) return urlSource(url, mimeType);
  const data = filledAt(meta, "data");
  if (data !== undefined) return { kind: "base64", data, mimeType };
  const file = filledAt(meta, "file_data");
  if (file !== undefined) return fileDataSource(file);
  const text = textAt(part, "text");
  if (text) return { kind: "text", text, mimeType };
  // In the notes of Acontext's own, the name that OpenAI has for it.
  return { kind: "id", id: filledAt(meta, "file_id"), by: "openai" };
}
