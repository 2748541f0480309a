/** How large tables and indexes are. @module */

import { z } from "zod";
import type { Relation } from "./result.ts";
import type { Session } from "./session.ts";

const RELATIONS = `
  select r.* from (
    select c.relname as "table", c.relname as name, 'table' as kind, pg_relation_size(c.oid)::float8 as bytes
    from pg_class as c where c.relkind = 'r' and c.relnamespace in ('public'::regnamespace, 'acontext_sessions'::regnamespace)
    union all
    select c.relname, i.indexrelid::regclass::text, 'index', pg_relation_size(i.indexrelid)::float8
    from pg_class as c join pg_index as i on i.indrelid = c.oid
    where c.relkind = 'r' and c.relnamespace in ('public'::regnamespace, 'acontext_sessions'::regnamespace)
    union all
    select c.relname, 'toast', 'toast', pg_total_relation_size(c.reltoastrelid)::float8
    from pg_class as c
    where c.relkind = 'r' and c.reltoastrelid <> 0
      and c.relnamespace in ('public'::regnamespace, 'acontext_sessions'::regnamespace)
  ) as r
  where r.bytes > 0
  order by r."table", r.kind desc, r.name`;

const relationsSchema: z.ZodType<Relation[]> = z.array(z.object({
  table: z.string(),
  name: z.string().transform((name) => name.replace(/^(public|acontext_sessions)\./, "")),
  kind: z.enum(["table", "index", "toast"]),
  bytes: z.number(),
}));

export async function readRelations(session: Session): Promise<Relation[]> {
  return relationsSchema.parse(await session.run(RELATIONS));
}

/** Active sessions that are past their expiry. */
export async function countDue(session: Session): Promise<number> {
  const [row] = await session.run<{ due: number }>(
    "select count(*)::integer as due from public.session_mappings where status = 'active' and expires_at <= now()",
  );
  return row?.due ?? 0;
}
