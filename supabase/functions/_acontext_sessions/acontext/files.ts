/**
 * The `Files` port: the files of remote disks, which Acontext calls artifacts.
 *
 * @module
 */
import * as z from "zod";
import type { FilePlace, Files, RemoteFile } from "../core/files/ports.ts";
import { isId } from "../core/ids.ts";
import { isMediaType } from "../core/media_type.ts";
import { MARK } from "../core/resources.ts";
import { openDownload } from "./download.ts";
import { multipart, UPLOAD_TIMEOUT_FACTOR } from "./multipart.ts";
import { ABSENT, BAD_ID, claims, deletion, DOUBTFUL } from "./outcomes.ts";
import { type AcontextOptions, createRequests, parse } from "./requests.ts";

const time = z.iso.datetime({ offset: true });

/**
 * Our own notes: the content type as it was sent, since the server goes by the file's extension; and see `stagedFor`.
 */
const markSchema = z.object({
  content_type: z.string().refine(isMediaType).optional(),
  staged_for: z.string().optional(),
});

const fileSchema = z.object({
  path: z.string(),
  filename: z.string(),
  meta: z.looseObject({
    __artifact_info__: z.object({ mime: z.string(), size: z.int().nonnegative() }),
  }),
  created_at: time,
  updated_at: time,
}).transform(({ path, filename, meta, created_at, updated_at }): RemoteFile => {
  const { mime, size } = meta.__artifact_info__;
  const mark = markSchema.safeParse(meta[MARK]).data;
  return {
    path,
    filename,
    size,
    contentType: mark?.content_type ?? (isMediaType(mime) ? mime : "application/octet-stream"),
    createdAt: created_at,
    updatedAt: updated_at,
    stagedFor: mark?.staged_for ?? null,
  };
});

const absentList = <Item>(items: Item[] | null | undefined) => items ?? [];
const directorySchema = z.object({
  artifacts: z.array(fileSchema).nullish().transform(absentList),
  directories: z.array(z.string()).nullish().transform(absentList),
}).transform(({ artifacts: files, directories }) => ({ files, directories }));
const linkedSchema = z.object({
  artifact: fileSchema,
  public_url: z.url({ protocol: /^https?$/ }),
});

export function createFiles(options: AcontextOptions): Files {
  const { request, post } = createRequests(options);

  return {
    async list(diskId, path) {
      if (!isId(diskId)) return BAD_ID;
      const reply = await request("GET", `/disk/${diskId}/artifact/ls`, { params: { path } });
      return claims(reply, 403) ? DOUBTFUL : parse(reply, directorySchema, "read");
    },

    async link(diskId, place, expires) {
      if (!isId(diskId)) return BAD_ID;
      const reply = await request("GET", `/disk/${diskId}/artifact`, {
        params: {
          file_path: filePath(place),
          with_content: "false",
          with_public_url: "true",
          expire: expires,
        },
      });
      // For a missing file the server says 404, for a missing disk 403.
      if (claims(reply, 403)) return DOUBTFUL;
      if (claims(reply, 404)) return ABSENT;
      const got = parse(reply, linkedSchema, "read");
      if (got.kind !== "done") return got;
      const { artifact: file, public_url: url } = got.value;
      return { kind: "done", value: { file, url } };
    },

    async put(diskId, { path, filename, content, stagedFor }) {
      if (!isId(diskId)) return BAD_ID;
      const mark = {
        content_type: content.contentType,
        ...(stagedFor === null ? {} : { staged_for: stagedFor }),
      };
      const payload = multipart(
        { file_path: path, meta: JSON.stringify({ [MARK]: mark }) },
        [["file", { filename, ...content }]],
      );
      const timeoutMs = options.timeoutMs * UPLOAD_TIMEOUT_FACTOR;
      const reply = await post(`/disk/${diskId}/artifact`, payload, timeoutMs);
      return claims(reply, 404) || claims(reply, 403)
        ? DOUBTFUL
        : parse(reply, fileSchema, "create");
    },

    async remove(diskId, place) {
      if (!isId(diskId)) return BAD_ID;
      const reply = await request("DELETE", `/disk/${diskId}/artifact`, {
        params: { file_path: filePath(place) },
      });
      return claims(reply, 403) ? DOUBTFUL : deletion(reply);
    },

    open: (url) => openDownload(url, options),
  };
}

function filePath({ path, filename }: FilePlace): string {
  return `${path}${filename}`;
}
