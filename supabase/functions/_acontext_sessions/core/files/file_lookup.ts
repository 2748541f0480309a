/**
 * Where a file is: under its name or, while it is being replaced or after a crash in the middle of that, under a staged
 * copy beside it. See docs/decisions/0011-replacing-files.md.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import type { RemoteIds, SessionKey } from "../sessions/ports.ts";
import type { RemoteOutcome } from "../ports.ts";
import type { FilePlace, Files, FileView, RemoteDirectory, RemoteFile } from "./ports.ts";
import { enter, explain, type Failure, type UseDeps } from "../sessions/use_session.ts";

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
  const list = (where: string) =>
    must(deps, context, deps.files.list(context.ids.acontextDiskId, where));
  const { files, directories } = await list(path);
  const views = new Map<string, FileView>();
  if (directories.includes(STAGING)) {
    const staged = newestCopies(await list(stagingOf(path)));
    for (const [filename, copy] of staged) views.set(filename, { ...copy, path, filename });
    // A replacement that ended between the two looks left its file here and its copy nowhere.
    files.push(...(await list(path)).files);
  }
  for (const file of files) views.set(file.filename, file);
  return {
    files: [...views.values()].map(viewOf).sort((a, b) => a.filename < b.filename ? -1 : 1),
    directories: directories.filter((name) => name !== STAGING).sort(),
  };
}

/**
 * Where the content is of a file that was not found under its name. Throws `file_not_found`, on the word of a list: to a
 * single look Acontext says "not found" whatever goes wrong.
 */
export async function findAgain(
  deps: FileDeps,
  context: FileContext,
  place: FilePlace,
): Promise<FilePlace> {
  const { path, filename } = place;
  const list = (where: string) =>
    must(deps, context, deps.files.list(context.ids.acontextDiskId, where));
  const { files, directories } = await list(path);
  if (files.some((file) => file.filename === filename)) return place;
  if (!directories.includes(STAGING)) throw new AppError("file_not_found");
  // Without a copy, a replacement may have ended between the two looks: then the file is under its name again.
  return newestCopies(await list(stagingOf(path))).get(filename) ?? place;
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
