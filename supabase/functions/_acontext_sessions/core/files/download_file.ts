/**
 * Reads a session's file.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import type { SessionKey } from "../sessions/ports.ts";
import { findLink } from "./lookup.ts";
import { type FileDeps, openDisk } from "./open_disk.ts";
import type { Download, FilePlace } from "./ports.ts";

/** The link is used at once. */
const LINK_SECONDS = 300;

/**
 * The content of a file, as it comes.
 *
 * @throws {AppError} those of {@link openDisk}, `file_not_found`, `acontext_unavailable`, `acontext_rejected`,
 *   `acontext_inconsistent`
 */
export async function downloadFile(
  deps: FileDeps,
  { key, place }: { key: SessionKey; place: FilePlace },
): Promise<Download> {
  const disk = await openDisk(deps, key, { action: "read the file", writes: false });
  const link = await findLink(disk, place, LINK_SECONDS);
  const stream = await disk.open(link);
  // The link is a moment old: the file was deleted since.
  if (stream === null) throw new AppError("file_not_found");
  return { stream, contentType: link.file.contentType };
}
