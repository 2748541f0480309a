/** `limit`, `cursor` and `time_desc` of the list routes. @module */

import { badRequest, databaseError } from "./answer.ts";
import { decodeCursor, encodeCursor, type Position } from "./cursor.ts";

export interface ListQuery {
  /** 0 only where {@link Limits.allowZero}: everything, and the cursor is ignored. */
  limit: number;
  after: Position | null;
  descending: boolean;
}

interface Limits {
  default: number;
  allowZero: boolean;
}

const INTEGER = /^[+-]?\d+$/;
const TRUE = new Set(["1", "t", "T", "true", "TRUE", "True"]);
const FALSE = new Set(["", "0", "f", "F", "false", "FALSE", "False"]);

/** A parameter the server reads as a boolean; null when it cannot. */
export function readBoolean(value: string | null, fallback: boolean): boolean | null {
  if (value === null) return fallback;
  if (TRUE.has(value)) return true;
  return FALSE.has(value) ? false : null;
}

/** Reads the three parameters, or gives the answer that refuses them. */
export function readListQuery(
  query: URLSearchParams,
  limits: Limits,
  badCursor: (error: string) => Response = databaseError,
): ListQuery | Response {
  const rawLimit = query.get("limit") ?? "";
  const limit = rawLimit === "" ? limits.default : Number(rawLimit);
  if (rawLimit !== "" && !INTEGER.test(rawLimit)) {
    return badRequest(`strconv.ParseInt: parsing "${rawLimit}": invalid syntax`);
  }
  if (limit < (limits.allowZero ? 0 : 1) || limit > 200) {
    return badRequest("Error:Field validation for 'Limit' failed");
  }
  const descending = readBoolean(query.get("time_desc"), false);
  if (descending === null) return badRequest("strconv.ParseBool: invalid syntax");
  const cursor = query.get("cursor") ?? "";
  if (cursor === "" || limit === 0) return { limit, after: null, descending };
  const after = decodeCursor(cursor);
  return after === null ? badCursor("invalid cursor") : { limit, after, descending };
}

export interface Page<T> {
  items: T[];
  has_more: boolean;
  next_cursor?: string;
}

interface Positioned {
  id: string;
  createdAt: number;
}

/** Cuts a page out of rows of which one more than `limit` was read. */
export function toPage<R extends Positioned, T>(
  rows: R[],
  limit: number,
  render: (row: R) => T,
): Page<T> {
  const kept = limit > 0 ? rows.slice(0, limit) : rows;
  const last = kept.at(-1);
  const items = kept.map(render);
  if (rows.length === kept.length || last === undefined) return { items, has_more: false };
  return {
    items,
    next_cursor: encodeCursor({ micros: last.createdAt, id: last.id }),
    has_more: true,
  };
}
