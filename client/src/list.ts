/** Pages of the sessions list: pinned first, then newest activity. @module */
import type { SupabaseClient } from "@supabase/supabase-js";
import { invalid } from "./error.ts";
import { COLUMNS, type Row, table } from "./rows.ts";
import type { Session } from "./wire.ts";

export interface ListQuery {
  /** 1 to 200; default 20. */
  limit?: number | undefined;
  /** `nextCursor` of the page before. */
  cursor?: string | null | undefined;
  /** Text that the title contains, in any case. Every character stands for itself. */
  search?: string | undefined;
}

const MAX_LIMIT = 200;
const CURSOR = /^([01])([\dT:.+-]{19,40})\/([\da-f-]{36})$/;

/** Where the page after `session` begins. */
export function cursorAfter({ pinned, lastActivityAt, id }: Session): string {
  return btoa(`${pinned ? 1 : 0}${lastActivityAt}/${id}`);
}

/** One row more than `limit`, when there is one: it tells that there is another page. */
export function selectPage(
  supabase: SupabaseClient,
  { limit = 20, cursor, search = "" }: ListQuery,
) {
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT) {
    throw invalid("limit", `must be a whole number between 1 and ${MAX_LIMIT}`);
  }
  const query = table(supabase).select<string, Row>(COLUMNS)
    .order("pinned", { ascending: false })
    .order("last_activity_at", { ascending: false })
    .order("id", { ascending: false })
    .limit(limit + 1);
  // Not `ilike`: the Data API reads "*" in its patterns as a wildcard that cannot be escaped.
  if (search !== "") query.filter("title", "imatch", search.replace(/[\\^$.|?*+()[\]{}]/g, "\\$&"));
  if (cursor) {
    const { pinned, time, id } = readCursor(cursor);
    const older = `last_activity_at.lt."${time}"`;
    if (pinned) {
      query.or(`pinned.is.false,${older},and(last_activity_at.eq."${time}",id.lt.${id})`);
    } else {
      // The second condition follows from the third, but only with it the index leads to the place.
      query.is("pinned", false).lte("last_activity_at", time).or(`${older},id.lt.${id}`);
    }
  }
  return { limit, query };
}

function readCursor(cursor: string): { pinned: boolean; time: string; id: string } {
  let text = "";
  try {
    text = atob(cursor);
  } catch {
    // Not one of ours, as below.
  }
  const [, pinned, time, id] = CURSOR.exec(text) ?? [];
  if (time === undefined || id === undefined) throw invalid("cursor", "is not a cursor");
  return { pinned: pinned === "1", time, id };
}
