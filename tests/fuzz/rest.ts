/** Writes and reads over the REST API, of the table and of the functions of the database. @module */

import fc from "fast-check";
import type { Act, Role } from "./acts.ts";
import { type Column, COLUMNS, EXTREMES, USER_COLUMNS } from "./extremes.ts";
import { ACCEPTED, FILTERS, PREFERENCES, SHAPES } from "./rest_parts.ts";

const TABLE = "/rest/v1/session_mappings";

/** What an app would write. Rows of extremes alone are refused before anything is tried. */
const PLAIN: Partial<Record<Column, string[]>> = {
  title: ['"Trip to Lisbon"', '"x"', "null"],
  metadata: ['{"model":"small"}', "{}", '{"a":{"b":[1,2,{"c":null}]}}'],
  pinned: ["true", "false"],
  ttl: ['"1 hour"', '"60 seconds"', '"90 days"', "null"],
  status: ['"active"', '"deleting"'],
  last_activity_at: ['"now"', '"yesterday"'],
  expires_at: ['"tomorrow"'],
};

function valuesOf(column: Column): fc.Arbitrary<string> {
  const extreme = fc.constantFrom(...EXTREMES[column]);
  const plain = PLAIN[column];
  return plain === undefined ? extreme : fc.oneof(extreme, fc.constantFrom(...plain));
}

/** A body that names some of these columns. */
export function rowsOf(columns: Column[], most = 3): fc.Arbitrary<string> {
  return fc.uniqueArray(fc.constantFrom(...columns), { minLength: 1, maxLength: most }).chain(
    (chosen) =>
      fc.tuple(...chosen.map(valuesOf)).map((values) =>
        `{${chosen.map((column, index) => `"${column}":${values[index]}`).join(",")}}`
      ),
  );
}

const headers = fc.record({
  prefer: fc.constantFrom(...PREFERENCES),
  accept: fc.constantFrom(...ACCEPTED),
  profile: fc.oneof(
    { weight: 30, arbitrary: fc.constant("") },
    { weight: 1, arbitrary: fc.constantFrom("acontext_sessions", "auth", "vault", "cron") },
  ),
}).map(({ prefer, accept, profile }) => ({
  "content-type": "application/json",
  ...(prefer === "" ? {} : { prefer }),
  ...(accept === "" ? {} : { accept }),
  ...(profile === "" ? {} : { "accept-profile": profile, "content-profile": profile }),
}));

const query = fc.tuple(fc.constantFrom(...FILTERS), fc.constantFrom(...SHAPES))
  .map(([filter, shape]) => `${TABLE}?${filter}${shape}`);

/** Of a user, or somebody who would like to be one. */
export function tableActs(role: Role): fc.Arbitrary<Act> {
  const body = fc.oneof(
    { weight: 7, arbitrary: rowsOf(USER_COLUMNS) },
    { weight: 2, arbitrary: rowsOf(COLUMNS, 1) },
    { weight: 1, arbitrary: rowsOf(COLUMNS) },
  );
  const rows = fc.oneof(
    { weight: 3, arbitrary: body },
    // What would be taken, if it were allowed.
    {
      weight: 1,
      arbitrary: fc.constantFrom('{"id":"{new}","user_id":"{me}"}', '{"user_id":"{me}"}'),
    },
    { weight: 1, arbitrary: fc.array(body, { maxLength: 3 }).map((list) => `[${list.join(",")}]`) },
  );
  const change = fc.record({
    role: fc.constant(role),
    method: fc.constant("PATCH"),
    path: query,
    headers,
    body,
  });
  const others = fc.record({
    role: fc.constant(role),
    method: fc.constantFrom("POST", "POST", "PUT", "DELETE"),
    path: query,
    headers,
    body: rows,
  });
  const reading = fc.record({
    role: fc.constant(role),
    method: fc.constantFrom("GET", "HEAD"),
    path: query,
    headers,
    body: fc.constant(null),
  });
  return fc.oneof(
    { weight: 6, arbitrary: change },
    { weight: 3, arbitrary: others },
    { weight: 2, arbitrary: reading },
  );
}

/** An app's server: it names the rows that it means, which are its user's, and errs in what it writes. */
export function serviceTableActs(): fc.Arbitrary<Act> {
  const mine = fc.constantFrom(
    "id=eq.{own}",
    "id=eq.{own2}",
    "id=in.({own},{own2})",
    "user_id=eq.{me}&limit=2",
  );
  const body = fc.oneof(
    { weight: 3, arbitrary: rowsOf(COLUMNS.filter((column) => column !== "id"), 2) },
    { weight: 1, arbitrary: rowsOf(COLUMNS, 4) },
  );
  const change = fc.tuple(fc.constantFrom("PATCH", "PATCH", "PATCH", "DELETE"), mine, headers, body)
    .map(([method, filter, headers, body]): Act => ({
      role: "service",
      method,
      path: `${TABLE}?${filter}&order=id`,
      headers,
      body: method === "DELETE" ? null : body,
    }));
  const insert = fc.tuple(fc.constantFrom("POST", "PUT"), headers, rowsOf(COLUMNS, 4))
    .map(([method, headers, body]): Act => ({
      role: "service",
      method,
      path: method === "PUT" ? `${TABLE}?id=eq.{own}` : `${TABLE}?on_conflict=id`,
      headers,
      body: body.includes('"user_id"') ? body : body.replace("{", '{"user_id":"{me}",'),
    }));
  return fc.oneof({ weight: 5, arbitrary: change }, { weight: 1, arbitrary: insert });
}
