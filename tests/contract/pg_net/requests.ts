/** Requests through pg_net, and their answers. @module */

import type postgres from "postgres";
import { eventually } from "../../support/eventually.ts";
import type { ContractDatabase } from "../platform/database.ts";

/** A row of `net._http_response`. */
export interface Answer {
  id: string;
  status_code: number | null;
  content_type: string | null;
  headers: Record<string, string> | null;
  content: string | null;
  timed_out: boolean | null;
  error_msg: string | null;
  created: Date;
}

/** What the tests do with pg_net. */
export function netOf(database: ContractDatabase) {
  async function find(id: string): Promise<Answer | undefined> {
    const [row] = await database.sql<Answer[]>`select * from net._http_response where id = ${id}`;
    return row;
  }
  return {
    /** Queues a GET and answers its id. */
    async get(
      url: string,
      { timeout = 5_000, headers = {}, sql = database.sql }: {
        timeout?: number;
        headers?: Record<string, string>;
        sql?: postgres.Sql | postgres.TransactionSql;
      } = {},
    ): Promise<string> {
      const [row] = await sql<{ id: string }[]>`
        select net.http_get(
          ${url}, headers => ${
        JSON.stringify(headers)
      }::text::jsonb, timeout_milliseconds => ${timeout}) as id`;
      return row?.id ?? "";
    },
    /** The answer so far. */
    find,
    /** The answer, as soon as it is there. */
    answer: (id: string): Promise<Answer> =>
      eventually(`request ${id} is answered`, () => find(id)),
    /** Whether a request still waits or is under way. */
    async isQueued(id: string): Promise<boolean> {
      const rows = await database.sql`select from net.http_request_queue where id = ${id}`;
      return rows.length > 0;
    },
  };
}
