/**
 * Tries the mutants of the SQL: in a database where the function is replaced, pgTAP, the tests of races, and the simulation.
 *
 * @module
 */

import { join } from "@std/path/mod.js";
import postgres from "postgres";
import { debianProblem } from "../../../local/postgres/debian.ts";
import { ROOT } from "../../../local/paths.ts";
import { resetDatabase } from "../../integration/support/database.ts";
import { startThread } from "../../simulation/bench.ts";
import { type Cluster, startCluster } from "../../simulation/cluster.ts";
import { DEFAULT_COMMANDS } from "../../simulation/search.ts";
import { runSeedOf } from "../../simulation/simulate.ts";
import { connectionEnvironment, installPgTap } from "../../support/suites.ts";
import { type TestStack, withTestStack } from "../../support/test_stack.ts";
import { denoTests, outputOf } from "../command.ts";
import { choose, type Mutant, type Tried, type Verdict } from "../mutant.ts";
import type { Options } from "../options.ts";
import { mutated, readFunctions, type SqlFunction } from "./functions.ts";

const TESTS = join(ROOT, "supabase", "tests");
const RACES = ["sql_races_creation", "sql_races_deletion", "sql_races_use"]
  .map((name) => join(ROOT, "tests", "integration", `${name}.test.ts`));
/** A mutant that waits for ever is caught by it. */
const STATEMENT_LIMIT = "-c statement_timeout=30s -c lock_timeout=20s";
const SIMULATED_RUNS = 40;

/** @throws {Error} without Debian's PostgreSQL, or when a suite fails on what was not changed. */
export async function trySql(
  options: Options,
  onVerdict: (verdict: Verdict) => void,
): Promise<Tried> {
  const problem = await debianProblem();
  if (problem !== null) throw new Error(`Cannot mutate the SQL: it ${problem}`);
  return await withTestStack({ postgres: "debian" }, async (stack) => {
    await installPgTap(stack);
    const sql = postgres(stack.adminDatabaseUrl, { max: 1, onnotice: () => {} });
    const cluster = await startCluster();
    try {
      const functions = await readFunctions(sql);
      const all = functions.flatMap(({ mutants }) => mutants);
      const chosen = new Set(choose(all, options));
      const total = choose(all, { ...options, sample: null }).length;
      const bench: Bench = { sql, stack, cluster, tests: await readTests() };
      await expectGood(bench);
      const verdicts: Verdict[] = [];
      for (const fn of functions) {
        for (const mutant of fn.mutants.filter((one) => chosen.has(one))) {
          const verdict = { mutant, caughtBy: await tryMutant(bench, fn, mutant) };
          verdicts.push(verdict);
          onVerdict(verdict);
        }
      }
      await expectGood(bench);
      return { total, verdicts };
    } finally {
      await cluster.stop();
      await sql.end();
    }
  });
}

interface Bench {
  sql: postgres.Sql;
  stack: TestStack;
  cluster: Cluster;
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
    return await firstToNotice(bench, fn, changed);
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
  const races = await denoTests(RACES, { env: { TEST_STACK_FILE: bench.stack.file } });
  if (!races) return "races";
  return await simulationNotices(bench.cluster, changed) ? "simulation" : null;
}

function pgTap({ stack }: Bench, paths: string[]) {
  return outputOf("pg_prove", {
    args: paths,
    env: { ...connectionEnvironment(stack.databaseUrl), PGOPTIONS: STATEMENT_LIMIT },
  });
}

async function simulationNotices(cluster: Cluster, changed: string): Promise<boolean> {
  const thread = await startThread(cluster, { folder: null, patches: [changed] });
  try {
    for (let i = 0; i < SIMULATED_RUNS; i++) {
      const { violations } = await thread.run(runSeedOf(1, i), DEFAULT_COMMANDS);
      if (violations.length > 0) return true;
    }
    return false;
  } finally {
    thread.close();
  }
}
