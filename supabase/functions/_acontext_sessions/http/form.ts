/**
 * Reads a multipart/form-data body.
 *
 * Not with `request.formData()`: Deno's cuts file names at ";" and "=", and it reads without a limit.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import { AppError } from "../core/errors.ts";
import { isMediaType } from "../core/media_type.ts";
import type { FileContent } from "../core/ports.ts";
import { type Pace, readBytes } from "./bytes.ts";

export interface Form {
  fields: Map<string, string>;
  files: Map<string, FileContent>;
}

const MAX_PARTS = 100;
const MAX_HEAD_BYTES = 8192;
const CRLF = "\r\n";

export function isMultipart(headers: Headers): boolean {
  return typeOf(headers).startsWith("multipart/form-data");
}

/** @throws {AppError} `invalid_multipart`, `body_too_large`, `request_timeout`, `unsupported_media_type` */
export async function readForm(
  request: Request,
  { maxBytes, pace }: { maxBytes: number; pace: Pace },
): Promise<Form> {
  const boundary = /;\s*boundary=(?:"([^"]+)"|([^\s;]+))/i
    .exec(request.headers.get("content-type") ?? "");
  const delimiter = boundary?.[1] ?? boundary?.[2];
  if (delimiter === undefined || delimiter.length > 200) throw broken();
  const bytes = await readBytes(request, { maxBytes, checkHeaders: requirePlain, pace });
  // Not before: it takes a seventh of a cold start to load, and few requests are forms.
  const { Buffer } = await import("node:buffer");
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const form: Form = { fields: new Map(), files: new Map() };
  for (const part of partsOf({ bytes, buffer }, `--${delimiter}`)) addPart(form, part);
  return form;
}

function typeOf(headers: Headers): string {
  return headers.get("content-type")?.trim().toLowerCase() ?? "";
}

function requirePlain(headers: Headers): void {
  const encoding = headers.get("content-encoding")?.trim().toLowerCase() ?? "identity";
  if (encoding === "identity") return;
  throw new AppError("unsupported_media_type", {
    message: "Cannot read the body: it is compressed",
    hint: 'Send the body without "Content-Encoding"',
  });
}

/** What is between the delimiters, each with its head; views, no copies. */
function* partsOf(
  { bytes, buffer }: { bytes: Uint8Array<ArrayBuffer>; buffer: Buffer },
  delimiter: string,
) {
  const delimiterBytes = new TextEncoder().encode(delimiter).length;
  let at = buffer.indexOf(delimiter);
  for (let count = 0; at >= 0; count++) {
    at += delimiterBytes;
    if (buffer.toString("latin1", at, at + 2) === "--") return;
    // Senders may put white space after the delimiter.
    const start = buffer.indexOf(CRLF, at) + 2;
    const end = buffer.indexOf(`${CRLF}${delimiter}`, start - 2);
    const body = buffer.indexOf(`${CRLF}${CRLF}`, start - 2) + 4;
    const whole = start >= 2 && body >= 4 && body <= end + 2;
    if (!whole || body - start > MAX_HEAD_BYTES || count >= MAX_PARTS) throw broken();
    yield {
      head: decode(bytes.subarray(start, Math.max(start, body - 4))),
      body: bytes.subarray(body, Math.max(body, end)),
    };
    at = end + 2;
  }
  throw broken();
}

function addPart(
  { fields, files }: Form,
  { head, body }: { head: string; body: Uint8Array<ArrayBuffer> },
): void {
  const headers = new Map(
    head.split(CRLF).map((line): [string, string] => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const disposition = headers.get("content-disposition") ?? "";
  const name = parameter(disposition, "name");
  if (!/^form-data\s*;/i.test(disposition) || name === null) throw broken();
  if (fields.has(name) || files.has(name)) {
    throw new AppError("invalid_multipart", {
      message: "Cannot read the body: a form field occurs more than once",
    });
  }
  const filename = parameter(disposition, "filename");
  if (filename === null) {
    fields.set(name, decode(body));
    return;
  }
  const contentType = headers.get("content-type") ?? "application/octet-stream";
  if (!isMediaType(contentType)) {
    throw new AppError("invalid_multipart", {
      message: "Cannot read the body: the content type of a file is malformed",
    });
  }
  files.set(name, { filename, contentType, bytes: body });
}

/**
 * A parameter of a Content-Disposition. Browsers write `"`, CR and LF as percent codes and leave "%" as it is; curl and
 * others put a backslash before `"`. The extended notation of RFC 5987 takes precedence over both.
 */
function parameter(disposition: string, name: string): string | null {
  const extended = new RegExp(`;\\s*${name}\\*=UTF-8'[^']*'([^\\s;]*)`, "i").exec(disposition)?.[1];
  if (extended !== undefined) {
    try {
      return decodeURIComponent(extended);
    } catch {
      throw broken();
    }
  }
  const plain = /;\s*([\w-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))/g;
  for (const [, key, quoted, token] of disposition.matchAll(plain)) {
    if (key?.toLowerCase() !== name) continue;
    return (quoted ?? token ?? "").replace(/\\(["\\])/g, "$1")
      .replace(/%(22|0D|0A)/g, (code) => decodeURIComponent(code));
  }
  return null;
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw broken();
  }
}

function broken(): AppError {
  return new AppError("invalid_multipart");
}
