/** The Acontext of the drains as a child process. @module */

import { join } from "@std/path/mod.js";
import { z } from "zod";
import { LOOPBACK } from "../../../local/ports.ts";
import { type TestStack, withTestStack } from "../../../tests/support/test_stack.ts";
import { startLineProcess } from "../../support/line_process.ts";

/** The key that stands in the function's environment has to be known before the stack makes its own. */
const KEY = "sk-ac-bench";

/** Runs `use` with a stack whose functions delete in an Acontext that costs next to nothing. */
export async function withFastRemote<Result>(
  use: (stack: TestStack) => Promise<Result>,
): Promise<Result> {
  const remote = startLineProcess(join("bench", "drain", "remote", "server.ts"));
  try {
    const port = z.int().parse(await remote.ask(KEY));
    const origin = `http://${LOOPBACK}:${port}`;
    const acontext = { baseUrl: `${origin}/api/v1`, apiKey: KEY, controlUrl: `${origin}/_control` };
    return await withTestStack({
      env: {
        ACONTEXT_BASE_URL: acontext.baseUrl,
        ACONTEXT_API_KEY: KEY,
        // As a deployed function has them.
        ACONTEXT_TIMEOUT_MS: "10000",
        CLEANUP_TIME_BUDGET_MS: "100000",
      },
    }, (stack) => use({ ...stack, info: { ...stack.info, acontext } }));
  } finally {
    await remote.stop();
  }
}
