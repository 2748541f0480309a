import { assert, assertEquals } from "@std/assert/mod.js";
import { join } from "@std/path/mod.js";
import postgres from "postgres";
import { ROOT } from "../../local/paths.ts";
import { denoTests } from "../mutation/command.ts";
import { SWITCH } from "../mutation/core/instrument.ts";
import { measureCoverage, PRELOAD } from "../mutation/core/try_core.ts";
import { type CoreMutant, makeWorkspace } from "../mutation/core/workspace.ts";
import { mutated, readFunctions, type SqlFunction } from "../mutation/sql/functions.ts";
import { withTestStack } from "../support/test_stack.ts";
import { stackTest } from "./fixture.ts";

const NEVER_BEGUN = "long_deletion.ts: begun < AT_MOST → begun >= AT_MOST";
const ENDLESS =
  "claim_feed.ts: this.exhausted || this.#run.isStopping() → true (ConditionalExpression)";
/** Tests replace these: what a mutant of them would change, nothing uses. */
const REPLACED = ["acontext_sessions.clock", "acontext_sessions.random"];

stackTest("a mutant of the core fails the tests that reach it, be it through helpers", async () => {
  const folder = await Deno.makeTempDir({ prefix: "stack-mutation-" });
  try {
    const workspace = await makeWorkspace(folder);
    const test = "tests/unit/core/cleanup/long_deletion.test.ts";
    const record = join(folder, "coverage.json");
    const reached = (await measureCoverage(workspace, { tests: [test], record })).get(test);
    const never = workspace.mutants.find(({ mutant }) => mutant.key.includes(NEVER_BEGUN));
    const endless = workspace.mutants.find(({ mutant }) => mutant.key.includes(ENDLESS));
    const elsewhere = workspace.mutants.find(({ mutant }) => mutant.file.includes("/files/"));
    if (never === undefined || endless === undefined || elsewhere === undefined) {
      throw new Error("Cannot find the mutants");
    }
    assertEquals([reached?.has(never.id), reached?.has(elsewhere.id)], [true, false]);
    const passes = async ({ id }: CoreMutant) => {
      const run = { cwd: workspace.switched, env: { [SWITCH]: id }, preload: PRELOAD };
      return (await denoTests([test], run)).success;
    };
    assertEquals(await Promise.all([never, endless, elsewhere].map(passes)), [false, false, true]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

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
