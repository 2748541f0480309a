/** What has to be cleaned up when somebody stops a run. @module */

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** Runs `use`, then `cleanUp`, which also runs on a signal. Then the process ends. */
export async function cleanedUp<T>(
  use: () => Promise<T>,
  cleanUp: () => Promise<void>,
): Promise<T> {
  let done: Promise<void> | null = null;
  const once = () => done ??= cleanUp();
  const interrupt = () => void once().finally(() => Deno.exit(130));
  for (const signal of SIGNALS) Deno.addSignalListener(signal, interrupt);
  try {
    return await use();
  } finally {
    for (const signal of SIGNALS) Deno.removeSignalListener(signal, interrupt);
    await once();
  }
}
