/** What answers must look like. Servers may add fields. @module */

import { z } from "zod";

/** RFC 3339 with up to nine fractional digits. */
export const timestamp = z.string().regex(
  /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/,
);

export const sessionSchema = z.object({
  id: z.uuid(),
  project_id: z.uuid(),
  user_id: z.uuid().nullish(),
  disable_task_tracking: z.boolean(),
  configs: z.record(z.string(), z.unknown()).nullable(),
  created_at: timestamp,
  updated_at: timestamp,
});

export const diskSchema = z.object({
  id: z.uuid(),
  project_id: z.uuid(),
  user_id: z.uuid().nullish(),
  created_at: timestamp,
  updated_at: timestamp,
});

export const userSchema = z.object({
  id: z.uuid(),
  project_id: z.uuid(),
  identifier: z.string(),
  created_at: timestamp,
  updated_at: timestamp,
});

export const assetSchema = z.object({
  bucket: z.string(),
  s3_key: z.string(),
  etag: z.string(),
  sha256: z.string(),
  mime: z.string(),
  size_b: z.number(),
});

export const messageSchema = z.object({
  id: z.uuid(),
  session_id: z.uuid(),
  parent_id: z.uuid().nullable(),
  role: z.enum(["user", "assistant"]),
  meta: z.record(z.string(), z.unknown()),
  parts: z.array(z.object({
    type: z.string(),
    text: z.string().optional(),
    asset: assetSchema.optional(),
    filename: z.string().optional(),
    meta: z.record(z.string(), z.unknown()).optional(),
  })),
  task_id: z.null(),
  session_task_process_status: z.string(),
  created_at: timestamp,
  updated_at: timestamp,
});

export const loadedSchema = z.object({
  items: z.array(z.record(z.string(), z.unknown())),
  ids: z.array(z.uuid()),
  metas: z.array(z.record(z.string(), z.unknown())),
  next_cursor: z.string().optional(),
  has_more: z.boolean(),
  this_time_tokens: z.int(),
  public_urls: z.record(z.string(), z.object({ url: z.url(), expire_at: timestamp })).optional(),
});

export const artifactSchema = z.object({
  disk_id: z.uuid(),
  path: z.string(),
  filename: z.string(),
  meta: z.looseObject({
    __artifact_info__: z.object({
      path: z.string(),
      filename: z.string(),
      mime: z.string(),
      size: z.int(),
    }),
  }),
  created_at: timestamp,
  updated_at: timestamp,
});

export const gotArtifactSchema = z.object({
  artifact: artifactSchema,
  public_url: z.url().optional(),
  content: z.object({ type: z.string(), raw: z.string() }).optional(),
});

export const artifactListSchema = z.object({
  artifacts: z.array(artifactSchema),
  directories: z.array(z.string()),
});

export function pageOf<T extends z.ZodType>(item: T) {
  return z.object({
    items: z.array(item),
    next_cursor: z.string().optional(),
    has_more: z.boolean(),
  });
}
