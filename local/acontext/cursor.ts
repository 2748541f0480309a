/** Keyset cursors: base64url of `timestamp|id`, unsigned, with no trace of the filter. @module */

import { formatTimestamp } from "./timestamps.ts";
import { parseUuid } from "./uuid.ts";

/** The last row of a page. */
export interface Position {
  micros: number;
  id: string;
}

const TIMESTAMP = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?Z$/;

export function encodeCursor({ micros, id }: Position): string {
  return btoa(`${formatTimestamp(micros)}|${id}`)
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
  const match = TIMESTAMP.exec(time);
  const id = parseUuid(rawId);
  if (match === null || id === null || rest.length > 0) return null;
  const [, date = "", fraction = ""] = match;
  const micros = Date.parse(`${date}Z`) * 1000 + Number(fraction.padEnd(6, "0"));
  return Number.isFinite(micros) ? { micros, id } : null;
}
