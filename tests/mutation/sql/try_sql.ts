/**
 * Tries the mutants of the SQL, in a database where the function is replaced: pgTAP, the tests of races, the simulation, and
 * the integration suite.
 *
 * @module
 */

import { join } from "@std/path/mod.js";
import postgres from "postgres";
import { debianProblem } from "../../../local/postgres/debian.ts";
import { ROOT } from "../../../local/paths.ts";
import { resetDatabase } from "../../integration/support/database.ts";
import { connectionEnvironment, installPgTap } from "../../support/suites.ts";
import { type TestStack, withTestStack } from "../../support/test_stack.ts";
import { denoTests, type Outcome, outputOf, suiteOrTime } from "../command.ts";
import { type IntegrationNotices, integrationSuite } from "../integration.ts";
import { type Attempt, choose, type Mutant, type Tried, type Verdict } from "../mutant.ts";
import { type Notices, withSimulation } from "../simulation.ts";
import { mutated, readFunctions, type SqlFunction } from "./functions.ts";

const TESTS = join(ROOT, "supabase", "tests");
const RACES = ["sql_races_creation", "sql_races_deletion", "sql_races_use"]
  .map((name) => join(ROOT, "tests", "integration", `${name}.test.ts`));
/** A mutant that waits for ever is caught by it. */
const STATEMENT_LIMIT = "-c statement_timeout=30s -c lock_timeout=20s";

/** @throws {Error} without Debian's PostgreSQL, or when a suite fails on what was not changed. */
export async function trySql(attempt: Attempt): Promise<Tried> {
  const problem = await debianProblem();
  if (problem !== null) throw new Error(`Cannot mutate the SQL: it ${problem}`);
  return await withTestStack(
    { postgres: "debian" },
    (stack) =>
      withSimulation(async (simulationNotices) => {
        await installPgTap(stack);
        const sql = postgres(stack.adminDatabaseUrl, { max: 1, onnotice: () => {} });
        try {
          const integrationNotices = integrationSuite(attempt);
          const tests = await readTests();
          const bench = { sql, stack, simulationNotices, integrationNotices, tests };
          return await tryAll(bench, attempt);
        } finally {
          await sql.end();
        }
      }),
  );
}

async function tryAll(bench: Bench, { selection, onVerdict }: Attempt): Promise<Tried> {
  const functions = await readFunctions(bench.sql);
  const { total, chosen } = choose(functions.flatMap(({ mutants }) => mutants), selection);
  await expectGood(bench);
  const verdicts: Verdict[] = [];
  for (const fn of functions) {
    for (const mutant of fn.mutants.filter((one) => chosen.has(one))) {
      const verdict = { mutant, caughtBy: await tryMutant(bench, fn, mutant) };
      verdicts.push(verdict);
      onVerdict(verdict);
    }
  }
  // Nothing that was left behind has failed the others.
  await expectGood(bench);
  return { total, verdicts };
}

interface Bench {
  sql: postgres.Sql;
  stack: TestStack;
  simulationNotices: Notices;
  integrationNotices: IntegrationNotices;
  /** The text of each pgTAP file by its path. */
  tests: Map<string, string>;
}

async function readTests(): Promise<Map<string, string>> {
  const tests = new Map<string, string>();
  for await (const { name, isFile } of Deno.readDir(TESTS)) {
    if (isFile) tests.set(join(TESTS, name), await Deno.readTextFile(join(TESTS, name)));
  }
  return new Map([...tests].toSorted());
}

/** Takes back what the tests of races left, and what the stack's own schedule did with a mutant. */
async function restore({ sql, stack }: Bench): Promise<void> {
  await resetDatabase(stack);
  await sql`select cron.alter_job(job_id := j.jobid, active := true) from cron.job as j where not j.active`;
}

async function expectGood(bench: Bench): Promise<void> {
  await restore(bench);
  const { success, text } = await pgTap(bench, [...bench.tests.keys()]);
  if (!success) throw new Error(`Cannot judge mutants: pgTAP fails without one\n${text}`);
  const raced = await races(bench);
  if (!raced.success) {
    throw new Error(`Cannot judge mutants: the tests of races fail without one\n${raced.text}`);
  }
}

async function tryMutant(bench: Bench, fn: SqlFunction, mutant: Mutant): Promise<string | null> {
  const changed = mutated(fn, mutant);
  await restore(bench);
  try {
    await bench.sql.unsafe(changed);
  } catch (error) {
    if (error instanceof postgres.PostgresError) return "invalid";
    throw error;
  }
  try {
    if (!await isProgram(bench, fn)) return "invalid";
    return await suiteOrTime(() => firstToNotice(bench, fn, changed));
  } finally {
    await bench.sql.unsafe(fn.definition);
  }
}

/** What plpgsql_check finds in it: names and types that do not fit. */
async function isProgram({ sql }: Bench, { oid, language }: SqlFunction): Promise<boolean> {
  if (language !== "plpgsql") return true;
  try {
    const errors = await sql`
      select 1 from extensions.plpgsql_check_function_tb(${oid}::regprocedure, fatal_errors => true)
      where level = 'error'`;
    return errors.length === 0;
  } catch {
    // Trigger functions can be checked with their table only; tests will tell.
    return true;
  }
}

async function firstToNotice(
  bench: Bench,
  fn: SqlFunction,
  changed: string,
): Promise<string | null> {
  const name = fn.name.split(".")[1] ?? fn.name;
  const all = [...bench.tests];
  const near = all.filter(([, text]) => text.includes(name)).map(([path]) => path);
  const others = all.filter(([, text]) => !text.includes(name)).map(([path]) => path);
  for (const paths of [near, others]) {
    if (paths.length > 0 && !(await pgTap(bench, paths)).success) return "pgtap";
  }
  if (!(await races(bench)).success) return "races";
  const patches = [changed];
  if (await bench.simulationNotices({ folder: null, patches })) return "simulation";
  return await bench.integrationNotices({ projectDir: ROOT, patches }) ? "integration" : null;
}

function races({ stack }: Bench): Promise<Outcome> {
  return denoTests(RACES, { env: { TEST_STACK_FILE: stack.file } });
}

function pgTap({ stack }: Bench, paths: string[]) {
  return outputOf("pg_prove", {
    args: paths,
    env: { ...connectionEnvironment(stack.databaseUrl), PGOPTIONS: STATEMENT_LIMIT },
  });
}
