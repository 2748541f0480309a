/** Paths on a disk. @module */

export interface FilePath {
  /** Ends with a slash. */
  directory: string;
  filename: string;
}

/** The directory is everything up to the last slash: `/notes` is the file `notes` in `/`. */
export function splitFilePath(text: string): FilePath {
  const trimmed = text.trim();
  const path = trimmed.startsWith("/") ? trimmed : `/${trimmed}`;
  const end = path.lastIndexOf("/") + 1;
  return { directory: path.slice(0, end), filename: path.slice(end) };
}

/** @returns why the path will not do, or null. */
export function pathProblem(path: string): string | null {
  if (path.includes("..")) return "path contains directory traversal";
  return path.includes("\0") ? "path format is invalid" : null;
}

/** Names of the directories directly below a directory. */
export function childDirectories(parent: string, paths: readonly string[]): string[] {
  const names = paths.filter((path) => path.startsWith(parent))
    .map((path) => path.slice(parent.length).split("/")[0] ?? "")
    .filter((name) => name !== "");
  return [...new Set(names)].sort();
}
