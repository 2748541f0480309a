import {
  accept,
  filename as filenameSchema,
  fileQuery,
  linkFileQuery,
  listFilesQuery,
  MAX_FILE_BYTES,
  uploadFields,
} from "../_acontext_sessions/contract/files.ts";
import { AppError } from "../_acontext_sessions/core/errors.ts";
import type { Download, FilePlace, FileView } from "../_acontext_sessions/core/files/ports.ts";
import type { FileContent } from "../_acontext_sessions/core/ports.ts";
import type { SessionKey } from "../_acontext_sessions/core/sessions/ports.ts";
import type { User } from "../_acontext_sessions/http/auth.ts";
import { readValue } from "../_acontext_sessions/http/query.ts";
import type { Call, Routes } from "../_acontext_sessions/http/serve.ts";

/** What the routes call. */
export interface Actions {
  list(
    input: { key: SessionKey; path: string },
  ): Promise<{ path: string; files: FileView[]; directories: string[] }>;
  link(
    input: { key: SessionKey; place: FilePlace; expires: number },
  ): Promise<{ url: string; expiresIn: number }>;
  download(input: { key: SessionKey; place: FilePlace }): Promise<Download>;
  upload(
    input: { key: SessionKey; path: string; content: FileContent },
  ): Promise<{ replaced: boolean; file: FileView }>;
  remove(input: { key: SessionKey; place: FilePlace }): Promise<{ deleted: boolean }>;
}

/** Room for the text fields and the frame of a form around the file. */
const FORM_BYTES = 64 * 1024;

/** 201 with a new file, 200 with one that replaced another. */
export function routes({ list, link, download, upload, remove }: Actions): Routes<User> {
  return {
    async "GET /:id"(call) {
      return { status: 200, body: await list({ key: keyOf(call), ...call.query(listFilesQuery) }) };
    },

    async "GET /:id/url"(call) {
      const { expires, ...place } = call.query(linkFileQuery);
      return { status: 200, body: await link({ key: keyOf(call), place, expires }) };
    },

    async "GET /:id/content"(call) {
      const place = call.query(fileQuery);
      const { stream, contentType } = await download({ key: keyOf(call), place });
      const binary = isBinary(call.header("accept", accept));
      const headers = {
        "content-type": binary ? "application/octet-stream" : contentType,
        "x-file-type": contentType,
        "content-disposition": attachment(place.filename),
        // Whatever a user uploaded, no browser runs it with the project's origin.
        "content-security-policy": "default-src 'none'; sandbox",
        "x-content-type-options": "nosniff",
      };
      return { status: 200, stream, headers };
    },

    async "POST /:id"(call) {
      const key = keyOf(call);
      const { replaced, file } = await upload({ key, ...await readUpload(call) });
      return { status: replaced ? 200 : 201, body: file };
    },

    async "DELETE /:id"(call) {
      const body = await remove({ key: keyOf(call), place: call.query(fileQuery) });
      return { status: 200, body };
    },
  };
}

function keyOf({ caller, id }: Call<User>): SessionKey {
  return { userId: caller.userId, sessionId: id() };
}

async function readUpload(call: Call<User>): Promise<{ path: string; content: FileContent }> {
  const form = await call.form(MAX_FILE_BYTES + FORM_BYTES);
  if (form === null) {
    throw new AppError("unsupported_media_type", {
      message: 'Cannot read the body: its type is not "multipart/form-data"',
      hint: 'Send a form with a file named "file"',
    });
  }
  const fields = readValue(Object.fromEntries(form.fields), { schema: uploadFields, path: "" });
  const file = form.files.get("file");
  if (file === undefined || form.files.size > 1) {
    throw new AppError("invalid_request", {
      details: [{ path: "file", message: "must be the one file of the form" }],
    });
  }
  if (file.bytes.length > MAX_FILE_BYTES) {
    throw new AppError("body_too_large", {
      message: `Cannot store the file: it has more than ${MAX_FILE_BYTES} bytes`,
    });
  }
  const filename = fields.filename ??
    readValue(file.filename, { schema: filenameSchema, path: "filename" });
  return { path: fields.path, content: { ...file, filename } };
}

/** As media types are written: in any case, and with parameters. */
function isBinary(accept: string | null): boolean {
  return accept?.split(";")[0]?.trim().toLowerCase() === "application/octet-stream";
}

/** Offered for saving, under its name in every client (RFC 6266). */
function attachment(filename: string): string {
  const plain = filename.replace(/[^\x20-\x7e]|["\\%]/g, "_");
  const encoded = encodeURIComponent(filename).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}
