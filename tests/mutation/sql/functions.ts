/** The functions of the database: their definitions, where a reader finds them, and their mutants. @module */

import { join } from "@std/path/mod.js";
import type postgres from "postgres";
import { ROOT } from "../../../local/paths.ts";
import { type Mutant, nameMutants } from "../mutant.ts";
import { sqlEdits } from "./mutators.ts";

export interface SqlFunction {
  /** `<schema>.<name>` */
  name: string;
  oid: number;
  language: string;
  /** The statement that creates it as it is. */
  definition: string;
  body: string;
  mutants: Mutant[];
}

/** Tests replace these two: time and randomness are theirs. */
const REPLACED = ["acontext_sessions.clock", "acontext_sessions.random"];
const BODY = /\bAS \$function\$([\s\S]*)\$function\$/;

/** Reads them from a database with all migrations; their mutants name the lines of `supabase/schemas`. */
export async function readFunctions(sql: postgres.Sql): Promise<SqlFunction[]> {
  const rows = await sql<Omit<SqlFunction, "body" | "mutants">[]>`
    select n.nspname || '.' || p.proname as name, p.oid::int, l.lanname as language,
      pg_get_functiondef(p.oid) as definition
    from pg_proc as p
    join pg_namespace as n on n.oid = p.pronamespace
    join pg_language as l on l.oid = p.prolang
    where l.lanname in ('sql', 'plpgsql')
      and (n.nspname = 'acontext_sessions' or n.nspname = 'public' and p.proname like 'acontext\\_%')
    order by 1, 2`;
  const functions: SqlFunction[] = [];
  for (const row of rows) {
    const body = BODY.exec(row.definition)?.[1];
    if (body === undefined || REPLACED.includes(row.name)) continue;
    const [schema = "", name = ""] = row.name.split(".");
    const file = `supabase/schemas/${schema}/functions/${name}.sql`;
    const firstLine = await lineOf(body, file);
    const mutants = nameMutants(sqlEdits(body, row.language), { file, text: body, firstLine });
    functions.push({ ...row, body, mutants });
  }
  return functions;
}

/** The definition with one change in its body. */
export function mutated({ definition, body }: SqlFunction, mutant: Mutant): string {
  const { start, end, replacement } = mutant;
  const changed = body.slice(0, start) + replacement + body.slice(end);
  return definition.replace(BODY, () => `AS $function$${changed}$function$`);
}

async function lineOf(body: string, file: string): Promise<number> {
  const text = await Deno.readTextFile(join(ROOT, file));
  const at = text.indexOf(body);
  if (at < 0) throw new Error(`Cannot mutate: ${file} is stale, run \`npm run check -- --fix\``);
  return text.slice(0, at).split("\n").length;
}
