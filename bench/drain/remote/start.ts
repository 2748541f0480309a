/** The Acontext of the drains as a child process. @module */

import { join } from "@std/path/mod.js";
import { denoEnvironment } from "../../../local/deno_environment.ts";
import { ROOT } from "../../../local/paths.ts";
import { freePort, LOOPBACK } from "../../../local/ports.ts";
import { type TestStack, withTestStack } from "../../../tests/support/test_stack.ts";

/** The key that stands in the function's environment has to be known before the stack makes its own. */
const KEY = "sk-ac-bench";

/** Runs `use` with a stack whose functions delete in an Acontext that costs next to nothing. */
export async function withFastRemote<Result>(
  use: (stack: TestStack) => Promise<Result>,
): Promise<Result> {
  const port = freePort();
  const origin = `http://${LOOPBACK}:${port}`;
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "-A",
      "--no-check",
      "--config",
      join(ROOT, "deno.json"),
      join(ROOT, "bench", "drain", "remote", "server.ts"),
      String(port),
      KEY,
    ],
    clearEnv: true,
    env: denoEnvironment(),
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  try {
    const reader = child.stdout.getReader();
    const { done } = await reader.read();
    if (done) throw new Error("Cannot measure: the remote service does not start");
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
    child.kill("SIGTERM");
    await child.status;
  }
}
