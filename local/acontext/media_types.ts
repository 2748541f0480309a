/** Media types by file extension, and which of them the server reads as text. @module */

const BY_EXTENSION: Record<string, string> = {
  ".csv": "text/csv",
  ".gif": "image/gif",
  ".html": "text/html",
  ".jpeg": "image/jpeg",
  ".jpg": "image/jpeg",
  ".json": "application/json",
  ".md": "text/markdown",
  ".pdf": "application/pdf",
  ".png": "image/png",
  ".txt": "text/plain",
};

/** The extension with its dot, lower-case; empty when there is none. */
export function extensionOf(filename: string): string {
  return /\.[^./]+$/.exec(filename)?.[0].toLowerCase() ?? "";
}

export function mediaTypeOf(filename: string, declared: string): string {
  return BY_EXTENSION[extensionOf(filename)] ?? (declared || "application/octet-stream");
}

/** What the server calls the content of a file it can show as text; null for all others. */
export function textKindOf(mime: string): "text" | "json" | "csv" | null {
  if (mime === "application/json") return "json";
  if (mime === "text/csv") return "csv";
  return mime.startsWith("text/") ? "text" : null;
}

/** Extensions of which the server keeps the content in its database, too. */
export const READ_AS_TEXT =
  ".txt .md .markdown .log .yml .yaml .xml .html .htm .json .csv .go .py .js .ts .tsx .jsx .java .cpp .c .h .hpp .cs .php .rb .rs .swift .kt .scala .sh .bash .zsh .sql .r .m .pl .lua .vim .dockerfile .makefile .cmake .proto .thrift .graphql .gql .vue .svelte .astro"
    .split(" ");

/** By its name, or because it begins like a text in UTF-16. */
export function isReadAsText(filename: string, data: Uint8Array): boolean {
  const mark = (data[0] ?? 0) * 256 + (data[1] ?? 0);
  return READ_AS_TEXT.includes(extensionOf(filename)) || mark === 0xfffe || mark === 0xfeff;
}
