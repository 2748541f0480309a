/**
 * All that a database consists of, to compare: objects, rights, defaults, policies, triggers, comments, roles.
 *
 * @module
 */

import type postgres from "postgres";

/** Statistics and sizes that the server keeps by itself, and hashes of passwords. */
const UNSTABLE = [
  ...["relpages", "reltuples", "relallvisible", "relfrozenxid", "relminmxid"],
  ...["datfrozenxid", "datminmxid", "rolpassword"],
];

/** Every row of every system catalog, and of what extensions, the CLI and the app keep in tables of their own. */
export async function snapshot(admin: postgres.Sql): Promise<Set<string>> {
  const lines = new Set<string>();
  const catalogs = await admin<{ name: string }[]>`
    select c.oid::regclass::text as name from pg_class as c
    where c.relnamespace = 'pg_catalog'::regnamespace and c.relkind = 'r'
      and c.relname not in ('pg_statistic', 'pg_statistic_ext_data')`;
  const tables = catalogs.map(({ name }) => name);
  tables.push("cron.job", "private.settings", "supabase_migrations.schema_migrations");
  tables.push("vault.secrets");
  for (const table of tables) {
    const rows = await admin.unsafe<{ row: string }[]>(
      `select (to_jsonb(t) - $1::text[])::text as row from ${table} as t`,
      [`{${UNSTABLE.join(",")}}`],
    );
    for (const { row } of rows) lines.add(`${table} ${row}`);
  }
  return lines;
}

export const NONE = { appeared: [], vanished: [] };

/** What differs between two snapshots; nothing is `NONE`. */
export function difference(before: Set<string>, after: Set<string>) {
  return {
    appeared: [...after.difference(before)],
    vanished: [...before.difference(after)],
  };
}
