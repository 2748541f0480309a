/** What has to be cleaned up when somebody stops a run. @module */

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

const interruption = new AbortController();

/** Ends the suite that is under way when somebody stops the run; a mutant may go on for ever. */
export const interrupted: AbortSignal = interruption.signal;

/** Runs `use`, then `cleanUp`, which also runs on a signal. Then the process ends. */
export async function cleanedUp<T>(
  use: () => Promise<T>,
  cleanUp: () => Promise<void>,
): Promise<T> {
  let done: Promise<void> | null = null;
  const once = () => done ??= cleanUp();
  function interrupt(): void {
    interruption.abort();
    void once().finally(() => Deno.exit(130));
  }
  for (const signal of SIGNALS) Deno.addSignalListener(signal, interrupt);
  try {
    return await use();
  } finally {
    for (const signal of SIGNALS) Deno.removeSignalListener(signal, interrupt);
    await once();
  }
}
