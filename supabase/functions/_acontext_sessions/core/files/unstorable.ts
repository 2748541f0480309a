/**
 * What Acontext cannot keep on a disk.
 *
 * It puts what looks like a text into a column of its database, too, and PostgreSQL takes no NUL there. Such an upload
 * answers 500, always; each attempt leaves an object behind, and one that replaces a file has deleted it first. So it is
 * not tried. (API 0.1.41: by the extension of the name, or by a byte order mark of UTF-16.)
 *
 * @module
 */
import { AppError } from "../errors.ts";

const TEXT_EXTENSIONS = new Set([
  ...["txt", "md", "markdown", "log", "yml", "yaml", "xml", "html", "htm", "json", "csv"],
  ...["go", "py", "js", "ts", "tsx", "jsx", "java", "cpp", "c", "h", "hpp", "cs", "php", "rb"],
  ...["rs", "swift", "kt", "scala", "sh", "bash", "zsh", "sql", "r", "m", "pl", "lua", "vim"],
  ...["dockerfile", "makefile", "cmake", "proto", "thrift", "graphql", "gql", "vue", "svelte"],
  "astro",
]);

/** @throws {AppError} `file_unstorable` */
export function requireStorable(filename: string, bytes: Uint8Array): void {
  if (bytes.includes(0) && (hasTextExtension(filename) || hasWideByteOrderMark(bytes))) {
    throw new AppError("file_unstorable");
  }
}

function hasTextExtension(filename: string): boolean {
  const dot = filename.lastIndexOf(".");
  return dot >= 0 && TEXT_EXTENSIONS.has(filename.slice(dot + 1).toLowerCase());
}

function hasWideByteOrderMark([first, second]: Uint8Array): boolean {
  return (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
}
