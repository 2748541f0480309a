/**
 * Runs the integration tests on a stack of their own: `deno run -A tests/integration/run.ts [file or option …]`.
 *
 * @module
 */

import { type Counts, runDenoTests, sum } from "../support/suites.ts";
import { type TestStackOptions, withTestStack } from "../support/test_stack.ts";

/**
 * The bundles, which are what is deployed: the other suites run the sources. Two cleanup workers, so that tests of
 * concurrency meet on the database and not within a process.
 */
const integrationStack: TestStackOptions = {
  functions: "bundles",
  instances: { "cleanup-sessions": 2 },
  // Two seconds without a byte end a body: a test waits for that.
  env: { BODY_TIMEOUT_MS: "6000" },
};

const integrationTests = new URL(".", import.meta.url).pathname;
const comparison = new URL("../openapi/", import.meta.url).pathname;

/** All integration tests, and then whether openapi.json documents what they met. */
export function runIntegration(): Promise<Counts> {
  return withTestStack(integrationStack, async ({ file }) => {
    const record = `${file}.answers`;
    const tests = await runDenoTests([integrationTests], { file, record });
    const answers = await runDenoTests([comparison], { record });
    return sum(tests, answers);
  });
}

if (import.meta.main) {
  const paths = Deno.args.some((arg) => !arg.startsWith("-")) ? [] : [integrationTests];
  const { failed } = await withTestStack(
    integrationStack,
    ({ file }) => runDenoTests([...Deno.args, ...paths], { file }),
  );
  Deno.exit(failed === 0 ? 0 : 1);
}
