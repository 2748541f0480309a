/**
 * Lists a session's files.
 *
 * @module
 */
import type { SessionKey } from "../sessions/ports.ts";
import { readDirectory } from "./lookup.ts";
import { type FileDeps, openDisk } from "./open_disk.ts";
import type { FileView } from "./ports.ts";

/**
 * What is directly in a directory; a directory exists as long as something is in it.
 *
 * @throws {AppError} those of {@link openDisk}, `acontext_unavailable`, `acontext_rejected`, `acontext_inconsistent`
 */
export async function listFiles(
  deps: FileDeps,
  { key, path }: { key: SessionKey; path: string },
): Promise<{ path: string; files: FileView[]; directories: string[] }> {
  const disk = await openDisk(deps, key, { action: "list the files", writes: false });
  return { path, ...await readDirectory(disk, path) };
}
