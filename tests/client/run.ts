/**
 * Runs the tests of the client's package on a stack of their own: `deno run -A tests/client/run.ts [file or option …]`.
 *
 * @module
 */

import { runDenoTests } from "../support/suites.ts";
import { type TestStackOptions, withTestStack } from "../support/test_stack.ts";

/** With the limits that apps meet. */
export const clientStack: TestStackOptions = { userLimits: "default" };

export const clientTests = new URL(".", import.meta.url).pathname;

if (import.meta.main) {
  const paths = Deno.args.some((arg) => !arg.startsWith("-")) ? [] : [clientTests];
  const { failed } = await withTestStack(
    clientStack,
    ({ file }) => runDenoTests([...Deno.args, ...paths], { file }),
  );
  Deno.exit(failed === 0 ? 0 : 1);
}
