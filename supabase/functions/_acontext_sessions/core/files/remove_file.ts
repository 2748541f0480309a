/**
 * Deletes a session's file, and every staged copy of it.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import type { SessionKey } from "../sessions/ports.ts";
import type { Failure } from "../sessions/use_session.ts";
import { LINK_SECONDS } from "./open_content.ts";
import { type FileDeps, type OpenDisk, openDisk } from "./open_disk.ts";
import type { FilePlace, RemoteFile } from "./ports.ts";
import { STAGING, stagingOf } from "./staging.ts";

/**
 * Deletes a file. `deleted` is false when there was none.
 *
 * @throws {AppError} those of {@link openDisk}, `acontext_unavailable`, `acontext_rejected`, `acontext_inconsistent`,
 * `directory_too_large`: a file that is not found in a directory that cannot be listed
 */
export async function removeFile(
  deps: FileDeps,
  { key, place }: { key: SessionKey; place: FilePlace },
): Promise<{ deleted: boolean }> {
  const disk = await openDisk(deps, key, { action: "delete the file", writes: true });
  // Not just deleted: the server answers the delete of a missing file as if it were broken.
  const listed = await disk.listIfNotTooLarge(place.path);
  const staged = listed === null || listed.directories.includes(STAGING)
    ? await disk.list(stagingOf(place.path))
    : { files: [] };
  // The copies first: one that stays behind would bring the file back.
  const copies = staged.files.filter(({ stagedFor }) => stagedFor === place.filename);
  for (const copy of copies) await remove(disk, copy);
  if (listed === null) {
    await removeUnlisted(disk, place);
    return { deleted: true };
  }
  const files = listed.files.filter(({ filename }) => filename === place.filename);
  for (const file of files) await remove(disk, file);
  return { deleted: copies.length + files.length > 0 };
}

async function remove(disk: OpenDisk, file: RemoteFile): Promise<void> {
  const removed = await disk.tryRemove(file);
  if (removed.kind !== "done") await requireGone(disk, file, removed);
}

/** From a directory that cannot be listed, so that nothing proves that a file is not there. */
async function removeUnlisted(disk: OpenDisk, place: FilePlace): Promise<void> {
  const removed = await disk.tryRemove(place);
  if (removed.kind === "done") return;
  if (removed.kind !== "unknown" || await disk.link(place, LINK_SECONDS) !== null) {
    throw await disk.errorFor(removed);
  }
  throw new AppError("directory_too_large");
}

/** Another call may have deleted the file in the meantime. */
async function requireGone(disk: OpenDisk, file: RemoteFile, failure: Failure): Promise<void> {
  if (failure.kind !== "unknown") throw await disk.errorFor(failure);
  const { files } = await disk.list(file.path);
  const left = files.some(({ filename }) => filename === file.filename);
  if (left) throw await disk.errorFor(failure);
}
