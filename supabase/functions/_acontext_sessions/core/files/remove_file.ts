/**
 * Deletes a session's file, and every staged copy of it.
 *
 * @module
 */
import type { SessionKey } from "../sessions/ports.ts";
import type { Failure } from "../sessions/use_session.ts";
import { type FileDeps, type OpenDisk, openDisk } from "./open_disk.ts";
import type { FilePlace, RemoteFile } from "./ports.ts";
import { STAGING, stagingOf } from "./staging.ts";

/**
 * Deletes a file. `deleted` is false when there was none.
 *
 * @throws {AppError} those of {@link openDisk}, `acontext_unavailable`, `acontext_rejected`, `acontext_inconsistent`
 */
export async function removeFile(
  deps: FileDeps,
  { key, place }: { key: SessionKey; place: FilePlace },
): Promise<{ deleted: boolean }> {
  const disk = await openDisk(deps, key, { action: "delete the file", writes: true });
  // Not just deleted: the server answers the delete of a missing file as if it were broken.
  const { files, directories } = await disk.list(place.path);
  const staged = directories.includes(STAGING)
    ? await disk.list(stagingOf(place.path))
    : { files: [] };
  // The copies first: one that stays behind would bring the file back.
  const found = [
    ...staged.files.filter(({ stagedFor }) => stagedFor === place.filename),
    ...files.filter(({ filename }) => filename === place.filename),
  ];
  for (const file of found) {
    const removed = await disk.tryRemove(file);
    if (removed.kind !== "done") await requireGone(disk, file, removed);
  }
  return { deleted: found.length > 0 };
}

/** Another call may have deleted the file in the meantime. */
async function requireGone(disk: OpenDisk, file: RemoteFile, failure: Failure): Promise<void> {
  if (failure.kind !== "unknown") throw await disk.errorFor(failure);
  const { files } = await disk.list(file.path);
  const left = files.some(({ filename }) => filename === file.filename);
  if (left) throw await disk.errorFor(failure);
}
