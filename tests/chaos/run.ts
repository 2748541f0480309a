/**
 * Runs the chaos tests, each on a stack of its own: `deno run -A tests/chaos/run.ts [file or option …]`.
 *
 * @module
 */

import { runDenoTests } from "../support/suites.ts";

export const chaosTests = new URL(".", import.meta.url).pathname;

if (import.meta.main) {
  const { failed } = await runDenoTests(Deno.args.length > 0 ? Deno.args : [chaosTests]);
  Deno.exit(failed === 0 ? 0 : 1);
}
