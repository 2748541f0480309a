/** Keyset cursors: base64url of `nanoseconds|id`, unsigned, with no trace of the filter. @module */

import { parseUuid } from "./uuid.ts";

/** The last row of a page. */
export interface Position {
  micros: number;
  id: string;
}

const NANOSECONDS = /^-?\d{1,19}$/;

export function encodeCursor({ micros, id }: Position): string {
  return btoa(`${BigInt(micros) * 1000n}|${id}`)
    .replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** @returns null when the cursor is malformed; the server answers that with 500, not 400. */
export function decodeCursor(cursor: string): Position | null {
  let text: string;
  try {
    text = atob(cursor.replaceAll("-", "+").replaceAll("_", "/"));
  } catch {
    return null;
  }
  const [time = "", rawId = "", ...rest] = text.split("|");
  const id = parseUuid(rawId);
  if (!NANOSECONDS.test(time) || id === null || rest.length > 0) return null;
  // PostgreSQL keeps microseconds.
  return { micros: Number(BigInt(time) / 1000n), id };
}
