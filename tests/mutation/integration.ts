/** The integration suite for mutants that no other suite notices: a stack of its own for each. @module */

import postgres from "postgres";
import { join } from "@std/path/mod.js";
import { ROOT } from "../../local/paths.ts";
import { withTestStack } from "../support/test_stack.ts";
import { denoTests, type Outcome } from "./command.ts";

const TESTS = join(ROOT, "tests", "integration");
const LIMIT_MS = 1_800_000;

/** The whole product with a change. */
export interface Product {
  /** The folder with `supabase/`. */
  projectDir: string;
  /** SQL that changes the database first. */
  patches: string[];
}

const UNCHANGED: Product = { projectDir: ROOT, patches: [] };

/**
 * Whether the integration suite fails, twice: it is the one that a busy machine may fail.
 *
 * @throws {Error} when it fails on what was not changed.
 */
export type IntegrationNotices = (product: Product) => Promise<boolean>;

/** With `quick` it is not run, and notices nothing. */
export function integrationSuite({ quick }: { quick: boolean }): IntegrationNotices {
  if (quick) return () => Promise.resolve(false);
  let unchanged: Promise<Outcome> | null = null;
  return async (product) => {
    unchanged ??= run(UNCHANGED);
    const { success, text } = await unchanged;
    if (!success) throw new Error(`Cannot judge mutants: the integration suite fails\n${text}`);
    return !(await run(product)).success && !(await run(product)).success;
  };
}

function run({ projectDir, patches }: Product): Promise<Outcome> {
  const options = { projectDir, instances: { "cleanup-sessions": 2 } };
  return withTestStack(options, async (stack) => {
    const sql = postgres(stack.adminDatabaseUrl, { max: 1, onnotice: () => {} });
    try {
      for (const patch of patches) await sql.unsafe(patch);
    } finally {
      await sql.end();
    }
    return await denoTests([TESTS], { env: { TEST_STACK_FILE: stack.file }, limitMs: LIMIT_MS });
  });
}
