/**
 * Multipart bodies as Acontext reads them, without copying the files.
 *
 * @module
 */
import type { FileContent } from "../core/ports.ts";
import type { Payload } from "./requests.ts";

/** A large file takes longer than other requests, by this factor. */
export const UPLOAD_TIMEOUT_FACTOR = 3;

const encoder = new TextEncoder();

/** Text fields, then files, each under its field name. */
export function multipart(
  fields: Record<string, string>,
  files: Iterable<readonly [string, FileContent]>,
): Payload {
  const boundary = `acontext-sessions-${crypto.randomUUID()}`;
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  const head = (...lines: string[]) => {
    chunks.push(encoder.encode([`--${boundary}`, ...lines, "", ""].join("\r\n")));
  };
  for (const [name, value] of Object.entries(fields)) {
    head(`Content-Disposition: form-data; name=${quote(name)}`);
    chunks.push(encoder.encode(`${value}\r\n`));
  }
  for (const [name, { filename, contentType, bytes }] of files) {
    head(
      `Content-Disposition: form-data; name=${quote(name)}; filename=${quote(filename)}`,
      `Content-Type: ${contentType}`,
    );
    chunks.push(bytes, encoder.encode("\r\n"));
  }
  chunks.push(encoder.encode(`--${boundary}--\r\n`));
  return { type: `multipart/form-data; boundary=${boundary}`, chunks };
}

/** A quoted string as Go's `mime` package reads it; browsers' percent encoding would stay in the name. */
function quote(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}
