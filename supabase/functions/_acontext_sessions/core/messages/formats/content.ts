/**
 * What a message says, whatever format it is in: the middle on the way from one format to another.
 *
 * @module
 */
import type { Json, JsonObject } from "../../ports.ts";
import type { Path } from "./json.ts";

export type Media = "image" | "audio" | "video" | "file";

/** Where the content of a file is. */
export type Source =
  | { kind: "base64"; data: string; mimeType: string | undefined }
  | { kind: "text"; text: string; mimeType: string | undefined }
  /** `expires`: a link that is another one in every load. */
  | { kind: "url"; url: string; mimeType: string | undefined; expires?: boolean }
  /** At a provider, which alone can read it. */
  | { kind: "id"; id: string | undefined; by?: string };

export interface MediaItem {
  kind: "media";
  at: Path;
  media: Media;
  source: Source;
  filename?: string | undefined;
  detail?: string | undefined;
}

export interface TextItem {
  kind: "text";
  at: Path;
  text: string;
  cacheControl?: JsonObject | undefined;
}

export type Item =
  | TextItem
  | { kind: "refusal"; at: Path; text: string }
  /** `by`: whose signature it is. */
  | { kind: "thought"; at: Path; text: string; signature?: string | undefined; by: string }
  /** A thought that only its provider can read. */
  | { kind: "redacted"; at: Path; data: string }
  | MediaItem
  /** `custom`: the arguments are a text, else JSON text. */
  | {
    kind: "call";
    at: Path;
    id: string | undefined;
    name: string;
    args: string;
    custom: boolean;
  }
  | {
    kind: "result";
    at: Path;
    id: string | undefined;
    name: string | undefined;
    content: (TextItem | MediaItem)[];
    isError: boolean;
  }
  /** What only its provider knows. */
  | { kind: "other"; at: Path };

export interface Content {
  role: "user" | "assistant" | "system" | "developer";
  name?: string | undefined;
  items: Item[];
  /** Members that no other format has a place for. */
  lost: Path[];
}

/**
 * Why something is not in the answer:
 * - `no_equivalent`: the format has no place for it.
 * - `provider_bound`: it is signed, encrypted or kept by the provider that made it, and nobody else can read it.
 * - `mentioned`: a file that the format cannot take. A text says that it is there.
 */
export const OMISSION_REASONS = ["no_equivalent", "provider_bound", "mentioned"] as const;
export type OmissionReason = typeof OMISSION_REASONS[number];

export interface Omission {
  at: Path;
  reason: OmissionReason;
}

/** A message in the format that was asked for. One that is stored may become several, or none. */
export interface Written {
  messages: Json[];
  omitted: Omission[];
}

/** A data URL taken apart. */
export function urlSource(url: string, mimeType?: string): Source {
  const [, mime = "", data] = /^data:([^;,]*)[^,]*;base64,(.*)$/s.exec(url) ?? [];
  return data === undefined
    ? { kind: "url", url, mimeType }
    : { kind: "base64", data, mimeType: mime || mimeType };
}

/** OpenAI's `file_data`: a data URL, or the bytes of a PDF alone. */
export function fileDataSource(data: string): Source {
  return data.startsWith("data:")
    ? urlSource(data)
    : { kind: "base64", data, mimeType: "application/pdf" };
}

/** One without content is as good as one that cannot be read. */
export function readableSource(source: Source): Source {
  if (source.kind === "id") return source;
  const found = source.kind === "base64"
    ? source.data
    : source.kind === "text"
    ? source.text
    : source.url;
  return found === "" ? { kind: "id", id: undefined } : source;
}

/** A text in place of a file that a format cannot take. */
export function mention({ media, source, filename }: MediaItem): string {
  const what = { image: "Image", audio: "Audio", video: "Video", file: "File" }[media];
  const type = source.kind === "id" ? undefined : source.mimeType;
  const isLink = source.kind === "url" && !source.expires && !source.url.startsWith("data:");
  const where = isLink ? source.url : undefined;
  const words = [filename, type, where].filter((word) => word !== undefined && word !== "");
  return `[${what}${words.length > 0 ? `: ${words.join(", ")}` : ""}]`;
}

/** Bytes of a text in base64. */
export function textToBase64(text: string): string {
  const bytes = new TextEncoder().encode(text);
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/** What kind of media a type is. */
export function mediaOf(mimeType: string | undefined): Media {
  const [kind] = (mimeType ?? "").split("/");
  return kind === "image" || kind === "audio" || kind === "video" ? kind : "file";
}
