/**
 * Staged copies: where the content of a file is while the file is being replaced, and after a crash in the middle of
 * that. See docs/decisions/0011-replacing-files.md.
 *
 * @module
 */
import type { OpenDisk } from "./open_disk.ts";
import type { FilePlace, RemoteDirectory, RemoteFile } from "./ports.ts";

/** The directory in each directory that holds staged copies; callers never see it and cannot name it. */
export const STAGING = ".acontext-sessions";

export function stagingOf(path: string): string {
  return `${path}${STAGING}/`;
}

/** By the name of the file that each is to become. */
export function newestCopies({ files }: RemoteDirectory): Map<string, RemoteFile> {
  const newest = new Map<string, RemoteFile>();
  const oldestFirst = files.toSorted((a, b) => Date.parse(a.createdAt) - Date.parse(b.createdAt));
  for (const file of oldestFirst) {
    if (file.stagedFor !== null) newest.set(file.stagedFor, file);
  }
  return newest;
}

/** A copy that stays behind costs space until the file or the session is deleted, and nothing else. */
export async function dropCopy(disk: OpenDisk, copy: FilePlace): Promise<void> {
  // Nor does it matter that the session cannot be used any more.
  const removed = await disk.tryRemove(copy).catch(() => null);
  if (removed?.kind !== "done") disk.log.warn("copy_left", { sessionId: disk.sessionId });
}
