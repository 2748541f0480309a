/**
 * Lists, links and reads a session's files.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import type { SessionKey } from "../sessions/ports.ts";
import {
  failed,
  type FileContext,
  type FileDeps,
  findAgain,
  must,
  openFiles,
  readDirectory,
} from "./file_lookup.ts";
import type { Download, FilePlace, FileView, RemoteFile } from "./ports.ts";

/** A link that is used at once. */
const DOWNLOAD_LINK_SECONDS = 300;

/**
 * What is directly in a directory; a directory is there as long as something is in it.
 *
 * @throws {AppError} those of `enter`, `acontext_unavailable`, `acontext_rejected`, `acontext_inconsistent`
 */
export async function listFiles(
  deps: FileDeps,
  { key, path }: { key: SessionKey; path: string },
): Promise<{ path: string; files: FileView[]; directories: string[] }> {
  const context = await openFiles(deps, key, "list the files");
  return { path, ...await readDirectory(deps, context, path) };
}

/**
 * A URL that needs no key, for `expires` seconds. Acontext signs it: it cannot be taken back but by deleting the file.
 *
 * @throws {AppError} those of {@link listFiles}, `file_not_found`
 */
export async function linkFile(
  deps: FileDeps,
  { key, place, expires }: { key: SessionKey; place: FilePlace; expires: number },
): Promise<{ url: string; expiresIn: number }> {
  const context = await openFiles(deps, key, "link the file");
  const { url } = await findLink(deps, context, { place, expires });
  return { url, expiresIn: expires };
}

/**
 * The content of a file, as it comes.
 *
 * @throws {AppError} those of {@link linkFile}
 */
export async function downloadFile(
  deps: FileDeps,
  { key, place }: { key: SessionKey; place: FilePlace },
): Promise<Download> {
  const context = await openFiles(deps, key, "read the file");
  const { url, file } = await findLink(deps, context, { place, expires: DOWNLOAD_LINK_SECONDS });
  const opened = await deps.files.open(url);
  if (opened.kind === "done") {
    return { stream: opened.value, contentType: file.contentType };
  }
  // The link is a moment old: what it led to was deleted since, or the storage fails.
  throw opened.kind === "absent"
    ? new AppError("file_not_found")
    : await failed(deps, context, opened);
}

async function findLink(
  deps: FileDeps,
  context: FileContext,
  { place, expires }: { place: FilePlace; expires: number },
): Promise<{ file: RemoteFile; url: string }> {
  const diskId = context.ids.acontextDiskId;
  const linked = await deps.files.link(diskId, place, expires);
  if (linked.kind === "done") return linked.value;
  if (linked.kind !== "absent") throw await failed(deps, context, linked);
  const found = await findAgain(deps, context, place);
  const again = await deps.files.link(diskId, found, expires);
  if (again.kind === "absent") throw new AppError("file_not_found");
  return await must(deps, context, Promise.resolve(again));
}
