/**
 * Stores a session's file. See docs/decisions/0011-replacing-files.md.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import type { FileContent, Randomness } from "../ports.ts";
import type { SessionKey } from "../sessions/ports.ts";
import { viewOf } from "./lookup.ts";
import { type FileDeps, type OpenDisk, openDisk } from "./open_disk.ts";
import type { FilePlace, FileView, RemoteFile, Upload } from "./ports.ts";
import { stagingOf } from "./staging.ts";
import { requireStorable } from "./unstorable.ts";

export interface UploadFileDeps extends FileDeps {
  random: Randomness;
}

/**
 * Stores a file; one of the same name is replaced, and stays as it is until the new content is safe on the disk.
 *
 * @throws {AppError} those of {@link openDisk}, `file_unstorable`, `acontext_unavailable`, `acontext_rejected`, `acontext_inconsistent`
 */
export async function uploadFile(
  deps: UploadFileDeps,
  { key, path, content }: { key: SessionKey; path: string; content: FileContent },
): Promise<{ replaced: boolean; file: FileView }> {
  const { filename, ...rest } = content;
  requireStorable(filename, content.bytes);
  const disk = await openDisk(deps, key, { action: "store the file", writes: true });
  const upload: Upload = { path, filename, content: rest, stagedFor: null };
  if (await disk.stat(upload) === null) {
    return { replaced: false, file: await confirm(disk, upload, await disk.put(upload)) };
  }

  const copy: Upload = {
    path: stagingOf(path),
    filename: deps.random.uuid(),
    content: rest,
    stagedFor: filename,
  };
  await confirm(disk, copy, await disk.put(copy));
  const stored = await disk.tryPut(upload);
  if (stored.kind === "done") {
    const file = await confirm(disk, upload, stored.value);
    await dropCopy(disk, copy);
    return { replaced: true, file };
  }
  // Refused outright, the old file was not touched. Otherwise it may be gone, and the copy is what there is.
  if (stored.kind === "rejected" || stored.kind === "throttled") await dropCopy(disk, copy);
  throw await disk.errorFor(stored);
}

/** What the server says it stored has to be what was asked for; anything else is deleted again. */
async function confirm(
  disk: OpenDisk,
  { path, filename, content }: Upload,
  stored: RemoteFile,
): Promise<FileView> {
  const asked = stored.path === path && stored.filename === filename &&
    stored.size === content.bytes.length;
  if (asked) return viewOf(stored);
  disk.log.error("file_stored_elsewhere", { sessionId: disk.sessionId });
  await disk.tryRemove(stored);
  throw new AppError("acontext_rejected", {
    message: "Cannot store the file: Acontext would have kept it under another name",
  });
}

/** A copy that stays behind costs space until the file or the session is deleted, and nothing else. */
async function dropCopy(disk: OpenDisk, copy: FilePlace): Promise<void> {
  const { kind } = await disk.tryRemove(copy);
  if (kind !== "done") disk.log.warn("copy_left", { sessionId: disk.sessionId });
}
