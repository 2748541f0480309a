/**
 * Runs the integration tests on a stack of their own: `deno run -A tests/integration/run.ts [file or option …]`.
 *
 * @module
 */

import { runDenoTests } from "../support/suites.ts";
import { type TestStackOptions, withTestStack } from "../support/test_stack.ts";

/** Two cleanup workers, so that tests of concurrency meet on the database and not within a process. */
export const integrationStack: TestStackOptions = { instances: { "cleanup-sessions": 2 } };

export const integrationTests = new URL(".", import.meta.url).pathname;

if (import.meta.main) {
  const paths = Deno.args.some((arg) => !arg.startsWith("-")) ? [] : [integrationTests];
  const { failed } = await withTestStack(
    integrationStack,
    ({ file }) => runDenoTests([...Deno.args, ...paths], { file }),
  );
  Deno.exit(failed === 0 ? 0 : 1);
}
