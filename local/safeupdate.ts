/**
 * The extension safeupdate, which the API's roles load on a hosted project: an `update` or `delete` without `where` raises
 * 21000 there. It looks at statements as they are planned, which only C can do, so here the two ways in are looked at: what
 * the REST API would make of a request, and what stands in functions.
 *
 * @module
 */

import { join } from "@std/path/mod.js";
import type postgres from "postgres";
import { ROOT } from "./paths.ts";

/** Parameters of PostgREST that choose no rows. */
const NO_FILTERS = new Set(["select", "columns", "order", "offset", "on_conflict", "apikey"]);
const TABLE_PATH = /^\/[^/]+$/;

/** The answer to a request that would change every row of a table; null for all others. */
export function refuseAllRows(request: Request, path: string): Response | null {
  const statement = { PATCH: "UPDATE", DELETE: "DELETE" }[request.method];
  if (statement === undefined || !TABLE_PATH.test(path)) return null;
  for (const name of new URL(request.url).searchParams.keys()) {
    // A limit makes PostgREST choose the rows by their keys.
    if (!NO_FILTERS.has(name) && !name.endsWith(".order")) return null;
  }
  const message = `${statement} requires a WHERE clause`;
  return Response.json({ code: "21000", details: null, hint: null, message }, { status: 400 });
}

/** A line for each statement in a function, of whomever, that a hosted project may refuse. `sql` has one connection. */
export async function findRefusedStatements(sql: postgres.Sql): Promise<string[]> {
  await sql.file(join(ROOT, "local", "postgres", "safeupdate.sql")).simple();
  const found = await sql<{ name: string; statement: string }[]>`
    select p.oid::regprocedure::text as name, s.statement
    from pg_proc as p
    join pg_language as l on l.oid = p.prolang and l.lanname in ('sql', 'plpgsql')
    join pg_namespace as n on n.oid = p.pronamespace
    cross join lateral pg_temp.statements_without_where(
      coalesce(nullif(p.prosrc, ''), pg_get_function_sqlbody(p.oid), '')
    ) as s (statement)
    where n.nspname !~ '^pg_'
      and pg_has_role(current_user, p.proowner, 'usage')
      and not exists (
        select 1 from pg_depend as d
        where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'
      )
    order by name, s.statement`;
  return found.map(({ name, statement }) =>
    `A hosted project refuses this through the API (21000, safeupdate): ${name} has "${statement}" without where`
  );
}
