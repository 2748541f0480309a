/**
 * Runs the drain test on a stack of its own: `deno run -A tests/drain/run.ts`, or with another number of sessions:
 * `DRAIN_SESSIONS=100000 deno run -A tests/drain/run.ts`.
 *
 * @module
 */

import { runDenoTests } from "../support/suites.ts";
import { type TestStackOptions, withTestStack } from "../support/test_stack.ts";

/** As many processes as the dispatcher may call workers. */
export const drainStack: TestStackOptions = {
  instances: { "cleanup-sessions": 4 },
  env: { ACONTEXT_TIMEOUT_MS: "10000", CLEANUP_TIME_BUDGET_MS: "100000" },
};

export const drainTests = new URL(".", import.meta.url).pathname;

if (import.meta.main) {
  const { failed } = await withTestStack(
    drainStack,
    ({ file }) => runDenoTests([drainTests], { file }),
  );
  Deno.exit(failed === 0 ? 0 : 1);
}
