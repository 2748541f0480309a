/**
 * Finds files wherever they are: under their names, or under a staged copy.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import type { OpenDisk } from "./open_disk.ts";
import type { FileLink, FilePlace, FileView } from "./ports.ts";
import { newestCopies, STAGING, stagingOf } from "./staging.ts";

/** What is in a directory for the caller: what is only there as a staged copy counts as what it is to become. */
export async function readDirectory(
  disk: OpenDisk,
  path: string,
): Promise<{ files: FileView[]; directories: string[] }> {
  const { files, directories } = await disk.list(path);
  const views = new Map<string, FileView>();
  if (directories.includes(STAGING)) {
    const staged = newestCopies(await disk.list(stagingOf(path)));
    for (const [filename, copy] of staged) views.set(filename, { ...copy, path, filename });
    // A replacement that ended between the two looks left its file here and its copy nowhere.
    files.push(...(await disk.list(path)).files);
  }
  for (const file of files) views.set(file.filename, file);
  return {
    files: [...views.values()].map(viewOf).sort((a, b) => a.filename < b.filename ? -1 : 1),
    directories: directories.filter((name) => name !== STAGING).sort(),
  };
}

/** @throws {AppError} `file_not_found` */
export async function findLink(
  disk: OpenDisk,
  place: FilePlace,
  expires: number,
): Promise<FileLink> {
  const link = await disk.link(place, expires) ??
    await disk.link(await findAgain(disk, place), expires);
  if (link === null) throw new AppError("file_not_found");
  return link;
}

/**
 * Where the content of a file is that was not found under its name. Throws `file_not_found` only when a list shows it:
 * asked for a single file, Acontext says "not found" whatever goes wrong.
 */
async function findAgain(disk: OpenDisk, place: FilePlace): Promise<FilePlace> {
  const { path, filename } = place;
  const { files, directories } = await disk.list(path);
  if (files.some((file) => file.filename === filename)) return place;
  if (!directories.includes(STAGING)) throw new AppError("file_not_found");
  // Without a copy, a replacement may have ended between the two looks: then the file is under its name again.
  return newestCopies(await disk.list(stagingOf(path))).get(filename) ?? place;
}

export function viewOf(
  { path, filename, size, contentType, createdAt, updatedAt }: FileView,
): FileView {
  return { path, filename, size, contentType, createdAt, updatedAt };
}
