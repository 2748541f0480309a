/**
 * Makes a link to a session's file.
 *
 * @module
 */
import type { SessionKey } from "../sessions/ports.ts";
import { findLink } from "./lookup.ts";
import { type FileDeps, openDisk } from "./open_disk.ts";
import type { FilePlace } from "./ports.ts";

/**
 * A URL that needs no key, for `expires` seconds. Acontext signs it: only deleting the file takes it back.
 *
 * @throws {AppError} those of {@link openDisk}, `file_not_found`, `acontext_unavailable`, `acontext_rejected`,
 *   `acontext_inconsistent`
 */
export async function linkFile(
  deps: FileDeps,
  { key, place, expires }: { key: SessionKey; place: FilePlace; expires: number },
): Promise<{ url: string; expiresIn: number }> {
  const disk = await openDisk(deps, key, { action: "link the file", writes: false });
  const { url } = await findLink(disk, place, expires);
  return { url, expiresIn: expires };
}
