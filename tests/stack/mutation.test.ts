import { assert, assertEquals } from "@std/assert/mod.js";
import { join } from "@std/path/mod.js";
import postgres from "postgres";
import { ROOT } from "../../local/paths.ts";
import { mutated, readFunctions, type SqlFunction } from "../mutation/sql/functions.ts";
import { withTestStack } from "../support/test_stack.ts";
import { stackTest } from "./fixture.ts";

/** Tests replace these: what a mutant of them would change, nothing uses. */
const REPLACED = ["acontext_sessions.clock", "acontext_sessions.random"];

stackTest("each function of the database has mutants, and nearly all are programs", async () => {
  await withTestStack({}, async ({ adminDatabaseUrl }) => {
    const sql = postgres(adminDatabaseUrl, { max: 1, onnotice: () => {} });
    try {
      const functions = await readFunctions(sql);
      assertEquals(
        [...new Set(functions.map(({ name }) => name))],
        (await namesInSchemas()).filter((name) => !REPLACED.includes(name)),
      );
      const accepted: boolean[] = [];
      for (const fn of functions) {
        const mutant = fn.mutants[Math.floor(fn.mutants.length / 2)];
        if (mutant !== undefined) accepted.push(await replaces(sql, mutated(fn, mutant), fn));
      }
      const programs = accepted.filter(Boolean).length;
      assert(programs > accepted.length * 0.9, `${programs} of ${accepted.length} are programs`);
    } finally {
      await sql.end();
    }
  });
});

/** Whether the database takes the definition; if so, it is another one than before. */
async function replaces(sql: postgres.Sql, definition: string, fn: SqlFunction): Promise<boolean> {
  try {
    await sql.unsafe(definition);
  } catch (error) {
    assert(error instanceof postgres.PostgresError);
    return false;
  }
  const [row] = await sql`select pg_get_functiondef(${fn.oid}) as definition`;
  assert(row?.["definition"] !== fn.definition, fn.name);
  await sql.unsafe(fn.definition);
  return true;
}

/** `<schema>.<name>` of every function that supabase/schemas has. */
async function namesInSchemas(): Promise<string[]> {
  const names: string[] = [];
  for (const schema of ["acontext_sessions", "public"]) {
    for await (
      const { name } of Deno.readDir(join(ROOT, "supabase", "schemas", schema, "functions"))
    ) {
      names.push(`${schema}.${name.replace(/\.sql$/, "")}`);
    }
  }
  return names.toSorted();
}
