/**
 * The files that were sent with messages. Of all formats, only Acontext's own shows them, and links to them: in the
 * others, an image is inside its message, and any other file is nowhere (API 0.1.41).
 *
 * @module
 */
import * as z from "zod";
import type { Attachment } from "../core/messages/ports.ts";
import type { Json, JsonObject } from "../core/ports.ts";
import { MARK } from "../core/resources.ts";

/** In the note on a message: how many files were sent with it. A page without such a note needs no second look. */
const FILES = "files";

export function noteOf(mark: string, files: number): JsonObject {
  return { mark, ...(files > 0 ? { [FILES]: files } : {}) };
}

export function haveFiles(metas: JsonObject[]): boolean {
  return metas.some(({ [MARK]: note }) =>
    typeof note === "object" && note !== null && FILES in note
  );
}

const partSchema = z.object({
  type: z.string(),
  filename: z.string().nullish(),
  asset: z.object({ sha256: z.string(), mime: z.string(), size_b: z.int() }),
});
const itemSchema = z.object({ parts: z.array(z.unknown()) });

/** Of a message in Acontext's own format. */
export function attachmentsOf(item: Json | undefined): Attachment[] {
  return (itemSchema.safeParse(item).data?.parts ?? []).flatMap((part) => {
    const read = partSchema.safeParse(part);
    if (!read.success) return [];
    const { type, filename, asset: { sha256, mime, size_b } } = read.data;
    return [{ type, filename: filename ?? "", contentType: mime, size: size_b, sha256 }];
  });
}
