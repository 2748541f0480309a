/**
 * Stores a session's file. See docs/decisions/0011-replacing-files.md.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import type { FileContent } from "../ports.ts";
import type { SessionKey } from "../sessions/ports.ts";
import { viewOf } from "./lookup.ts";
import { LINK_SECONDS, openContent } from "./open_content.ts";
import { type FileContentDeps, type OpenDisk, openDisk } from "./open_disk.ts";
import type { FileLink, FileView, RemoteFile, Upload } from "./ports.ts";
import { dropCopy, stagingOf } from "./staging.ts";
import { requireStorable } from "./unstorable.ts";

/**
 * Stores a file; one of the same name is replaced, and stays as it is until the new content is safe on the disk.
 *
 * @throws {AppError} those of {@link openDisk}, `file_unstorable`, `acontext_unavailable`, `acontext_rejected`, `acontext_inconsistent`
 */
export async function uploadFile(
  deps: FileContentDeps,
  { key, path, content }: { key: SessionKey; path: string; content: FileContent },
): Promise<{ replaced: boolean; file: FileView }> {
  const { filename, ...rest } = content;
  requireStorable(filename, content.bytes);
  const disk = await openDisk(deps, key, { action: "store the file", writes: true });
  const upload: Upload = { path, filename, content: rest, stagedFor: null };
  const existing = await disk.link(upload, LINK_SECONDS);
  if (existing === null) return await storeNew(disk, upload, deps);
  const file = await isGivenUp(disk, { existing, upload, deps })
    ? await confirm(disk, upload, await disk.put(upload))
    : await replace(disk, upload, deps);
  return { replaced: true, file };
}

/**
 * Stores a file that was not there. When another upload under its name has come first meanwhile, that one is replaced.
 *
 * Acontext answers the later one 500 and keeps its bytes without a reference, so nothing would ever delete them. The copy
 * of a replacement is the same bytes again: they are counted then.
 */
async function storeNew(
  disk: OpenDisk,
  upload: Upload,
  deps: FileContentDeps,
): Promise<{ replaced: boolean; file: FileView }> {
  const stored = await disk.tryPut(upload);
  if (stored.kind === "done") {
    return { replaced: false, file: await confirm(disk, upload, stored.value) };
  }
  const mayHaveMetAnother = stored.kind === "unknown" && stored.detail === "http_500";
  if (mayHaveMetAnother && await disk.link(upload, LINK_SECONDS) !== null) {
    return { replaced: true, file: await replace(disk, upload, deps) };
  }
  throw await disk.errorFor(stored);
}

/**
 * Removes a file whose content is lost before the same content is stored again; true when it did.
 *
 * Its record is a reference that Acontext does not count. Replacing it would take off the count of the new content, which
 * would go with the staged copy.
 */
async function isGivenUp(
  disk: OpenDisk,
  { existing, upload, deps }: { existing: FileLink; upload: Upload; deps: FileContentDeps },
): Promise<boolean> {
  // Content of another size is not the same.
  if (existing.file.size !== upload.content.bytes.length) return false;
  const content = await openContent(disk, {
    link: existing,
    findLink: () => disk.link(upload, LINK_SECONDS),
    random: deps.random,
  });
  if (content.kind === "there") await content.stream.cancel();
  if (content.kind !== "lost") return false;
  const removed = await disk.tryRemove(upload);
  if (removed.kind !== "done") throw await disk.errorFor(removed);
  return true;
}

async function replace(
  disk: OpenDisk,
  upload: Upload,
  { random }: FileContentDeps,
): Promise<FileView> {
  const copy: Upload = {
    ...upload,
    path: stagingOf(upload.path),
    filename: `${random.uuid()}${extensionOf(upload.filename)}`,
    stagedFor: upload.filename,
  };
  await confirm(disk, copy, await disk.put(copy));
  const stored = await disk.tryPut(upload);
  if (stored.kind === "done") {
    const file = await confirm(disk, upload, stored.value);
    await dropCopy(disk, copy);
    return file;
  }
  // Refused outright, the old file was not touched. Otherwise it may be gone, and the copy is what there is.
  if (stored.kind === "rejected" || stored.kind === "throttled") await dropCopy(disk, copy);
  throw await disk.errorFor(stored);
}

/**
 * With the dot. It is a part of the name under which Acontext keeps content, and counts it once for all such names: a copy
 * under another one would stay behind where Acontext encrypts.
 */
function extensionOf(filename: string): string {
  return /\.[^.]{1,32}$/.exec(filename)?.[0] ?? "";
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
