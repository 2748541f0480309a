/**
 * Runs the endurance tests on a stack of their own: `deno run -A tests/endurance/run.ts`, or with another number of sessions:
 * `DRAIN_SESSIONS=100000 deno run -A tests/endurance/run.ts`.
 *
 * @module
 */

import { runDenoTests } from "../support/suites.ts";
import { type TestStackOptions, withTestStack } from "../support/test_stack.ts";

/** As many processes as the dispatcher may call workers. */
export const enduranceStack: TestStackOptions = {
  instances: { "cleanup-sessions": 4 },
  env: { ACONTEXT_TIMEOUT_MS: "10000", CLEANUP_TIME_BUDGET_MS: "100000" },
};

export const enduranceTests = new URL(".", import.meta.url).pathname;

if (import.meta.main) {
  const { failed } = await withTestStack(
    enduranceStack,
    ({ file }) => runDenoTests([enduranceTests], { file }),
  );
  Deno.exit(failed === 0 ? 0 : 1);
}
