/**
 * Runs the fuzz tests on a stack of their own: `deno run -A tests/fuzz/run.ts [file …]`. `FUZZ_REQUESTS` says how many
 * requests (default 10,000), `FUZZ_WRITES` how many writes (default 3,000), `FUZZ_SEED` which ones.
 *
 * @module
 */

import { SERVER } from "./backends.ts";
import { runDenoTests } from "../support/suites.ts";
import { type TestStackOptions, withTestStack } from "../support/test_stack.ts";

export const fuzzStack: TestStackOptions = {
  server: SERVER,
  // An answer that is late because the machine is busy is no finding.
  env: { ACONTEXT_TIMEOUT_MS: "20000", ACONTEXT_DELETE_TIMEOUT_MS: "20000" },
};

export const fuzzTests = new URL(".", import.meta.url).pathname;

if (import.meta.main) {
  const { failed } = await withTestStack(
    fuzzStack,
    ({ file }) => runDenoTests(Deno.args.length > 0 ? Deno.args : [fuzzTests], { file }),
  );
  Deno.exit(failed === 0 ? 0 : 1);
}
