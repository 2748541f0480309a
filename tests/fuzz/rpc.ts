/** Calls of the database's functions over the REST API. Their arguments are read from the database. @module */

import fc from "fast-check";
import type postgres from "postgres";
import type { Act, Role } from "./acts.ts";
import { EXTREMES } from "./extremes.ts";

export interface DatabaseFunction {
  name: string;
  args: { name: string; type: string }[];
}

/** Every function that PostgREST could call, ours and what a signed-in user may hope to find. */
export async function readFunctions(sql: postgres.Sql): Promise<DatabaseFunction[]> {
  const found = await sql<DatabaseFunction[]>`
    select p.proname as name, coalesce((
      select jsonb_agg(jsonb_build_object('name', a.name, 'type', a.type::regtype::text) order by a.n)
      from unnest(p.proargnames, p.proargtypes::oid[]) with ordinality as a (name, type, n)
      where a.type is not null
    ), '[]') as args
    from pg_proc as p
    where p.pronamespace = 'public'::regnamespace and p.proname like 'acontext%'
    order by p.proname`;
  return [...found];
}

const ids = fc.constantFrom('"{own}"', '"{own2}"', '"{new}"', '"{gone}"', ...EXTREMES.id);
const integers = fc.constantFrom(
  "0",
  "1",
  "2",
  "100",
  "-1",
  "2147483647",
  "2147483648",
  "null",
  '"x"',
);
const texts = fc.constantFrom(
  '"x"',
  '""',
  "null",
  `"${"f".repeat(64)}"`,
  '"stored"',
  '"failed"',
  '"unknown"',
);

/** Values of an SQL type, as JSON. */
function valuesOf(type: string): fc.Arbitrary<string> {
  switch (type) {
    case "uuid":
      return ids;
    case "uuid[]":
      return fc.array(ids, { maxLength: 3 }).map((list) => `[${list.join(",")}]`);
    case "integer":
    case "bigint":
      return integers;
    case "boolean":
      return fc.constantFrom(...EXTREMES.pinned);
    case "jsonb":
      return fc.constantFrom(
        ...EXTREMES.metadata,
        "[]",
        '[{"id":"{own}","originId":"{own}","createdAt":"infinity"}]',
      );
    case "timestamp with time zone":
      return fc.constantFrom(...EXTREMES.last_write_at);
    default:
      return texts;
  }
}

function callsOf({ name, args }: DatabaseFunction, role: Role, fixed: Record<string, string>) {
  const values = args.map((arg) => {
    const value = fixed[arg.name];
    return value === undefined ? valuesOf(arg.type) : fc.constant(value);
  });
  return fc.tuple(
    fc.constantFrom("", "return=representation", "count=exact", "tx=rollback"),
    ...values,
  ).map(
    ([prefer, ...values]): Act => ({
      role,
      method: "POST",
      path: `/rest/v1/rpc/${name}`,
      headers: { "content-type": "application/json", ...(prefer === "" ? {} : { prefer }) },
      body: `{${args.map((arg, index) => `"${arg.name}":${values[index]}`).join(",")}}`,
    }),
  );
}

/** Of somebody who may call none of them. */
export function forbiddenCalls(functions: DatabaseFunction[], role: Role): fc.Arbitrary<Act> {
  return fc.oneof(...functions.map((one) => callsOf(one, role, {})));
}

/** What an app's server may call without pretending to be a worker, which it can: whoever has the secret key can do all. */
const OF_A_SERVICE = new Set([
  ...[
    "acontext_begin_message",
    "acontext_begin_session",
    "acontext_count_user_data",
    "acontext_list_runs",
  ],
  ...[
    "acontext_find_unknown_disks",
    "acontext_find_unknown_labels",
    "acontext_find_unknown_sessions",
  ],
  ...[
    "acontext_list_stuck",
    "acontext_list_uncertain_sessions",
    "acontext_note_write",
    "acontext_preview_sweep",
  ],
  ...["acontext_request_session_deletion", "acontext_restore_session", "acontext_retry_deletion"],
  ...["acontext_session_health", "acontext_settle_message", "acontext_use_session"],
]);

export function serviceCalls(functions: DatabaseFunction[]): fc.Arbitrary<Act> {
  // A lease of 68 years is what it asked for.
  const fixed = { p_lease_seconds: "1", p_user_id: '"{me}"' };
  return fc.oneof(
    ...functions.filter(({ name }) => OF_A_SERVICE.has(name)).map((one) =>
      callsOf(one, "service", fixed)
    ),
  );
}
