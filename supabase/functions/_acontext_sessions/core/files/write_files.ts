/**
 * Stores and deletes a session's files. See docs/decisions/0011-replacing-files.md.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import type { FileContent, Randomness, RemoteOutcome } from "../ports.ts";
import type { SessionKey } from "../sessions/ports.ts";
import {
  failed,
  type FileContext,
  type FileDeps,
  must,
  openFiles,
  STAGING,
  stagingOf,
  viewOf,
} from "./file_lookup.ts";
import type { FilePlace, FileView, RemoteFile, Upload } from "./ports.ts";

export interface WriteFileDeps extends FileDeps {
  random: Randomness;
}

/**
 * Stores a file; one of the same name is replaced, and stays as it is until the new content is safe on the disk.
 *
 * @throws {AppError} those of `enter`, `acontext_unavailable`, `acontext_rejected`, `acontext_inconsistent`
 */
export async function uploadFile(
  deps: WriteFileDeps,
  { key, path, content }: { key: SessionKey; path: string; content: FileContent },
): Promise<{ replaced: boolean; file: FileView }> {
  const context = await openFiles(deps, key, "store the file");
  const diskId = context.ids.acontextDiskId;
  const { filename, ...rest } = content;
  const upload: Upload = { path, filename, content: rest, stagedFor: null };
  const old = await deps.files.stat(diskId, { path, filename });
  if (old.kind === "absent") {
    return { replaced: false, file: await put(deps, context, upload) };
  }
  if (old.kind !== "done") throw await failed(deps, context, old);

  const copy: Upload = {
    path: stagingOf(path),
    filename: deps.random.uuid(),
    content: rest,
    stagedFor: filename,
  };
  await put(deps, context, copy);
  const stored = await deps.files.put(diskId, upload);
  if (stored.kind === "done") {
    const file = await confirm(deps, context, { upload, stored: stored.value });
    await dropCopy(deps, context, copy);
    return { replaced: true, file };
  }
  // Refused outright, the old file was not touched. Otherwise it may be gone, and the copy is what there is.
  if (stored.kind === "rejected" || stored.kind === "throttled") {
    await dropCopy(deps, context, copy);
  }
  throw await failed(deps, context, stored);
}

async function put(deps: FileDeps, context: FileContext, upload: Upload): Promise<FileView> {
  const stored = await must(deps, context, deps.files.put(context.ids.acontextDiskId, upload));
  return await confirm(deps, context, { upload, stored });
}

/** What the server says that it stored has to be what was asked; else it goes away again. */
async function confirm(
  deps: FileDeps,
  context: FileContext,
  { upload, stored }: { upload: Upload; stored: RemoteFile },
): Promise<FileView> {
  const { path, filename, content } = upload;
  const asked = stored.path === path && stored.filename === filename &&
    stored.size === content.bytes.length;
  if (asked) return viewOf(stored);
  deps.log.error("file_stored_otherwise", { sessionId: context.key.sessionId });
  await deps.files.remove(context.ids.acontextDiskId, stored);
  throw new AppError("acontext_rejected", {
    message: "Cannot store the file: Acontext would have kept it under another name",
  });
}

/** A copy that stays costs space until the file or the session is deleted, nothing else. */
async function dropCopy(deps: FileDeps, context: FileContext, copy: FilePlace): Promise<void> {
  const { kind } = await deps.files.remove(context.ids.acontextDiskId, copy);
  if (kind !== "done") deps.log.warn("copy_left", { sessionId: context.key.sessionId });
}

/**
 * Deletes a file. `deleted` is false when there was none.
 *
 * @throws {AppError} those of {@link uploadFile}
 */
export async function removeFile(
  deps: FileDeps,
  { key, place }: { key: SessionKey; place: FilePlace },
): Promise<{ deleted: boolean }> {
  const context = await openFiles(deps, key, "delete the file");
  const diskId = context.ids.acontextDiskId;
  // Not just deleted: to a missing file the server answers as if it were broken.
  const { files, directories } = await must(deps, context, deps.files.list(diskId, place.path));
  const staged = directories.includes(STAGING)
    ? await must(deps, context, deps.files.list(diskId, stagingOf(place.path)))
    : { files: [] };
  // The copies first: one that stays behind would bring the file back.
  const found = [
    ...staged.files.filter(({ stagedFor }) => stagedFor === place.filename),
    ...files.filter(({ filename }) => filename === place.filename),
  ];
  for (const file of found) {
    const removed = await deps.files.remove(diskId, file);
    if (removed.kind !== "done") await requireGone(deps, context, { file, removed });
  }
  return { deleted: found.length > 0 };
}

/** Somebody else may have deleted the file meanwhile. */
async function requireGone(
  deps: FileDeps,
  context: FileContext,
  { file, removed }: {
    file: RemoteFile;
    removed: Exclude<RemoteOutcome<null>, { kind: "done" }>;
  },
): Promise<void> {
  if (removed.kind !== "unknown") throw await failed(deps, context, removed);
  const after = await must(deps, context, deps.files.list(context.ids.acontextDiskId, file.path));
  const left = after.files.some(({ filename }) => filename === file.filename);
  if (left) throw await failed(deps, context, removed);
}
