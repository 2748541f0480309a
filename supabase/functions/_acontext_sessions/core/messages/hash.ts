/**
 * Hashes that show whether two requests ask for the same thing.
 *
 * @module
 */
import type { NewMessage } from "./ports.ts";

const encoder = new TextEncoder();

/** SHA-256 in hexadecimal. */
export function hashText(text: string): Promise<string> {
  return hashBytes(encoder.encode(text));
}

/** Of everything that is stored, the attachments' bytes included. */
export async function hashMessage(
  { format, message, meta, attachments }: NewMessage,
): Promise<string> {
  const files = await Promise.all(
    [...attachments].map(async ([field, { filename, contentType, bytes }]) => [
      field,
      filename,
      contentType,
      await hashBytes(bytes),
    ]),
  );
  return hashText(JSON.stringify([format, message, meta, files.sort()]));
}

async function hashBytes(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
