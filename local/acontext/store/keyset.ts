/** Prepared statements for keyset pages, in both directions. @module */

import type { DatabaseSync, SQLInputValue } from "node:sqlite";
import type { Row } from "../columns.ts";
import type { ListQuery } from "../list_query.ts";

interface KeysetOptions {
  select: string;
  from: string;
  where: string;
  time: string;
  id: string;
}

/** Reads one row more than the limit, oldest or newest first; a limit of 0 reads all. */
export type ReadPage = (query: ListQuery, ...args: SQLInputValue[]) => Row[];

export function prepareKeyset(database: DatabaseSync, options: KeysetOptions): ReadPage {
  const { select, from, where, time, id } = options;
  function prepare(direction: "asc" | "desc") {
    const comparison = direction === "asc" ? ">" : "<";
    return database.prepare(
      `select ${select} from ${from} where ${where} and (${time}, ${id}) ${comparison} (?, ?)
       order by ${time} ${direction}, ${id} ${direction} limit ?`,
    );
  }
  const ascending = prepare("asc");
  const descending = prepare("desc");
  return (query, ...args) => {
    const statement = query.descending ? descending : ascending;
    const after = query.after ??
      (query.descending ? { micros: Number.MAX_SAFE_INTEGER, id: "" } : { micros: 0, id: "" });
    return statement.all(...args, after.micros, after.id, query.limit === 0 ? -1 : query.limit + 1);
  };
}
