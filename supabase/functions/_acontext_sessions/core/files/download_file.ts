/**
 * Reads a session's file.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import type { SessionKey } from "../sessions/ports.ts";
import { findLink } from "./lookup.ts";
import { LINK_SECONDS, openContent } from "./open_content.ts";
import { type FileContentDeps, openDisk } from "./open_disk.ts";
import type { Download, FilePlace } from "./ports.ts";

/**
 * The content of a file, as it comes.
 *
 * @throws {AppError} those of {@link openDisk}, `file_not_found`, `acontext_unavailable`, `acontext_rejected`,
 *   `acontext_inconsistent`, `file_content_lost`
 */
export async function downloadFile(
  deps: FileContentDeps,
  { key, place }: { key: SessionKey; place: FilePlace },
): Promise<Download> {
  const disk = await openDisk(deps, key, { action: "read the file", writes: false });
  const find = () => findLink(disk, place, LINK_SECONDS);
  const link = await find();
  const content = await openContent(disk, { link, findLink: find, random: deps.random });
  switch (content.kind) {
    case "there":
      return { stream: content.stream, contentType: link.file.contentType };
    case "absent":
      throw new AppError("file_not_found");
    case "lost":
      throw new AppError("file_content_lost");
  }
}
