/**
 * A stack for one command: free ports, a temporary folder, nothing left behind.
 *
 * @module
 */

import { removeIfExists } from "./json_file.ts";
import { removeCluster } from "./postgres/server.ts";
import { type Stack, type StackOptions, startStack } from "./stack.ts";

/** Runs `use` with a stack and its folder. `name` stands in the folder's; `signal` gives up the start. */
export async function withOwnStack<T>(
  { name, ...options }: Omit<StackOptions, "dataDir" | "ports"> & {
    name: string;
    signal: AbortSignal;
  },
  use: (stack: Stack, dataDir: string) => Promise<T>,
): Promise<T> {
  const dataDir = await Deno.makeTempDir({ prefix: `acontext-sessions-${name}-` });
  try {
    const stack = await startStack({ ...options, dataDir, ports: "free" });
    try {
      return await use(stack, dataDir);
    } finally {
      await stack.stop();
    }
  } finally {
    await removeCluster(dataDir);
    await removeIfExists(dataDir);
  }
}
