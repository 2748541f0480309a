/**
 * Where a file is: under its name or, while it is being replaced or after a crash in the middle of that, under a staged
 * copy beside it. See docs/decisions/0011-replacing-files.md.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import type { RemoteIds, RemoteOutcome, SessionKey } from "./conversation_ports.ts";
import type { FilePlace, Files, FileView, RemoteDirectory, RemoteFile } from "./file_ports.ts";
import { enter, explain, type Failure, type UseDeps } from "./use_session.ts";

/** The directory in each directory that holds staged copies; callers never see it and cannot name it. */
export const STAGING = ".acontext-sessions";

export interface FileDeps extends UseDeps {
  files: Files;
}

/** A session in use and what is to be done in it, for error messages. */
export interface FileContext {
  key: SessionKey;
  ids: RemoteIds;
  action: string;
}

export async function openFiles(
  deps: FileDeps,
  key: SessionKey,
  action: string,
): Promise<FileContext> {
  return { key, ids: await enter(deps, key, { touch: true }), action };
}

/** The value of a successful call; anything else is thrown as the caller's error. */
export async function must<Value>(
  deps: FileDeps,
  context: FileContext,
  call: Promise<RemoteOutcome<Value>>,
): Promise<Value> {
  const outcome = await call;
  if (outcome.kind === "done") return outcome.value;
  throw await failed(deps, context, outcome);
}

export function failed(
  deps: FileDeps,
  context: FileContext,
  failure: Failure,
): Promise<AppError> {
  return explain(deps, failure, { ...context, needs: "disk" });
}

export function stagingOf(path: string): string {
  return `${path}${STAGING}/`;
}

/** What is in a directory for the caller: what is only there as a staged copy counts as what it is to become. */
export async function readDirectory(
  deps: FileDeps,
  context: FileContext,
  path: string,
): Promise<{ files: FileView[]; directories: string[] }> {
  const diskId = context.ids.acontextDiskId;
  const { files, directories } = await must(deps, context, deps.files.list(diskId, path));
  const views = files.map(viewOf);
  if (directories.includes(STAGING)) {
    const staged = await must(deps, context, deps.files.list(diskId, stagingOf(path)));
    const present = new Set(files.map(({ filename }) => filename));
    for (const [filename, copy] of newestCopies(staged)) {
      if (!present.has(filename)) views.push({ ...viewOf(copy), path, filename });
    }
  }
  return {
    files: views.sort((a, b) => a.filename < b.filename ? -1 : 1),
    directories: directories.filter((name) => name !== STAGING).sort(),
  };
}

/** The newest staged copy of a file that is not there under its own name. Throws `file_not_found`. */
export async function findStaged(
  deps: FileDeps,
  context: FileContext,
  { path, filename }: FilePlace,
): Promise<RemoteFile> {
  // A list that succeeds also proves that "not found" was true.
  const diskId = context.ids.acontextDiskId;
  const staged = await must(deps, context, deps.files.list(diskId, stagingOf(path)));
  const copy = newestCopies(staged).get(filename);
  if (copy === undefined) throw new AppError("file_not_found");
  return copy;
}

function newestCopies({ files }: RemoteDirectory): Map<string, RemoteFile> {
  const newest = new Map<string, RemoteFile>();
  const oldestFirst = files.toSorted((a, b) => Date.parse(a.createdAt) - Date.parse(b.createdAt));
  for (const file of oldestFirst) {
    if (file.stagedFor !== null) newest.set(file.stagedFor, file);
  }
  return newest;
}

export function viewOf(
  { path, filename, size, contentType, createdAt, updatedAt }: FileView,
): FileView {
  return { path, filename, size, contentType, createdAt, updatedAt };
}
