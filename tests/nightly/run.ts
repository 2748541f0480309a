/**
 * Runs the nightly tests on a stack with the real pg_cron: `deno run -A tests/nightly/run.ts`.
 *
 * @module
 */

import { runDenoTests } from "../support/suites.ts";
import { type TestStackOptions, withTestStack } from "../support/test_stack.ts";

export const nightlyStack: TestStackOptions = { postgres: "debian" };

export const nightlyTests = new URL(".", import.meta.url).pathname;

if (import.meta.main) {
  const { failed } = await withTestStack(
    nightlyStack,
    ({ file }) => runDenoTests([nightlyTests], { file }),
  );
  Deno.exit(failed === 0 ? 0 : 1);
}
