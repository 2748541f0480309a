/**
 * The files that were sent with messages.
 *
 * @module
 */
import * as z from "zod";
import type { Attachment } from "../core/messages/ports.ts";
import type { Json, JsonObject } from "../core/ports.ts";

/**
 * The note on a message. The number of its files is for functions of version 0.1.0, which look for files only where
 * there are some.
 */
export function noteOf(mark: string, files: number): JsonObject {
  return { mark, ...(files > 0 ? { files } : {}) };
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
