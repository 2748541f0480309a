/** How the files of messages are shown. @module */

import type { Asset, Part } from "./part.ts";
import { metaText } from "./normalized.ts";

/** Access to stored files while messages are rendered. */
export interface Files {
  /** A public link; null when links were not asked for. */
  url(asset: Asset): string | null;
  /** The content in base64; null when it is gone. */
  base64(asset: Asset): string | null;
}

export interface InlineImage {
  mime: string;
  base64: string;
}

const DATA_URL = /^data:([^;,]*)[^,]*,(.*)$/s;

/**
 * An image for a format that wants its bytes; null when there are none to be had. The server looks for the bytes in an
 * asset or behind an address, never in the `data` where it has stored those of Anthropic and Gemini. Addresses on the
 * web are as if they could not be reached.
 */
export function inlineImage({ asset, meta }: Part, files: Files): InlineImage | null {
  if (asset !== undefined) {
    const base64 = files.base64(asset);
    return base64 === null ? null : { mime: asset.mime, base64 };
  }
  const [, mime = "", base64 = ""] = DATA_URL.exec(metaText(meta, "url")) ?? [];
  return base64 === "" ? null : { mime: mime || "image/png", base64 };
}
