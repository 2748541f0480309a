/**
 * Statements as PostgREST 12 sends them, taken from its log.
 *
 * @module
 */

import { COLUMNS } from "../../client/src/rows.ts";
import type { Parameter, Session } from "./session.ts";

const ANSWER = "null::bigint AS total_result_set";
const HEADERS = "nullif(current_setting('response.headers', true), '') AS response_headers, " +
  "nullif(current_setting('response.status', true), '') AS response_status, " +
  "'' AS response_inserted";

const TABLE = `"public"."session_mappings"`;

/** A page of the client's list(): the first, or one further on, from the cursor `$1` (time) and `$2` (id). */
function listText(first: boolean): string {
  const columns = COLUMNS.split(",").map((name) => `${TABLE}."${name}"`).join(", ");
  const where = first
    ? " "
    : `WHERE  ( ${TABLE}."last_activity_at" < $1 OR  ${TABLE}."id" < $2) AND  ${TABLE}."pinned" IS FALSE AND  ` +
      `${TABLE}."last_activity_at" <= $3`;
  const [limit, offset] = first ? ["$1", "$2"] : ["$4", "$5"];
  const order = ["pinned", "last_activity_at", "id"].map((name) => `${TABLE}."${name}" DESC`);
  return `WITH pgrst_source AS ( SELECT ${columns} FROM ${TABLE}  ${where}  ORDER BY ${
    order.join(" , ")
  }  LIMIT ${limit} OFFSET ${offset} )  SELECT ${ANSWER}, pg_catalog.count(_postgrest_t) AS page_total, ` +
    `coalesce(json_agg(_postgrest_t), '[]') AS body, ${HEADERS} FROM ( SELECT * FROM pgrst_source ) _postgrest_t`;
}

const FIRST_PAGE = listText(true);
const FURTHER_PAGE = listText(false);

interface Cursor {
  time: string;
  id: string;
}

export function listPage(
  { limit, cursor }: { limit: number; cursor: Cursor | null },
): { text: string; parameters: Parameter[] } {
  // The client asks for one row more, to see whether there is another page.
  if (cursor === null) return { text: FIRST_PAGE, parameters: [limit + 1, 0] };
  const { time, id } = cursor;
  return { text: FURTHER_PAGE, parameters: [time, id, time, limit + 1, 0] };
}

const ARGUMENTS = `
  select p.proname as name, p.proargnames as names,
    array(select format_type(t, null) from unnest(p.proargtypes) as t) as types
  from pg_proc as p where p.pronamespace = 'public'::regnamespace`;

export type Functions = ReadonlyMap<string, ReadonlyMap<string, string>>;

/** The types of the arguments of the functions in `public`, by their names. */
export async function readFunctions(session: Session): Promise<Functions> {
  const rows = await session.run<{ name: string; names: string[] | null; types: string[] }>(
    ARGUMENTS,
  );
  return new Map(rows.map(({ name, names, types }) => [
    name,
    new Map(types.map((type, i) => [names?.[i] ?? "", type])),
  ]));
}

/** A call of a function; its one parameter is the request's body. */
export function callText(functions: Functions, name: string, args: string[]): string {
  const columns = args.map((arg) => {
    const type = functions.get(name)?.get(arg);
    if (type === undefined) throw new Error(`Cannot call "${name}": no argument "${arg}"`);
    return `"${arg}" ${type}`;
  });
  const quoted = args.map((arg) => `"${arg}"`).join(", ");
  const passed = args.map((arg) => `"${arg}" := pgrst_body."${arg}"`).join(", ");
  return "WITH pgrst_source AS (SELECT pgrst_call.pgrst_scalar FROM (SELECT $1::text::json AS json_data) pgrst_payload, " +
    "LATERAL (SELECT CASE WHEN json_typeof(pgrst_payload.json_data) = 'array' THEN pgrst_payload.json_data " +
    "ELSE json_build_array(pgrst_payload.json_data) END AS val) pgrst_uniform_json, " +
    `LATERAL (SELECT ${quoted} FROM json_to_recordset(pgrst_uniform_json.val) AS _(${
      columns.join(", ")
    }) LIMIT 1) pgrst_body , ` +
    `LATERAL (SELECT "public"."${name}"(${passed}) pgrst_scalar) pgrst_call) ` +
    `SELECT ${ANSWER}, 1 AS page_total, coalesce(json_agg(_postgrest_t.pgrst_scalar)->0, 'null') AS body, ${HEADERS} ` +
    `FROM (SELECT "${name}".* FROM "pgrst_source" AS "${name}"     LIMIT $2 OFFSET $3) _postgrest_t`;
}
