/** The one shape in which messages are stored, whatever format they came in. @module */

import { z } from "zod";
import { objectSchema } from "./normalized.ts";

const assetSchema = z.object({
  bucket: z.string(),
  s3_key: z.string(),
  etag: z.string(),
  sha256: z.string(),
  mime: z.string(),
  size_b: z.number(),
});

const partSchema = z.object({
  type: z.string(),
  text: z.string().optional(),
  asset: assetSchema.optional(),
  filename: z.string().optional(),
  meta: objectSchema.optional(),
});

export type Asset = z.infer<typeof assetSchema>;
export type Part = z.infer<typeof partSchema>;

/** Reads parts that this program wrote itself. */
export function readParts(value: unknown): Part[] {
  return z.array(partSchema).parse(value);
}
