/** What has to be cleaned up when somebody stops a program. @module */

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

const interruption = new AbortController();
/** The last begun is the first to be cleaned up. */
const pending: (() => Promise<void>)[] = [];

/** Aborted when somebody stops the program: for what is under way, and may go on for ever. */
export const interrupted: AbortSignal = interruption.signal;

/** Runs `use`, then `cleanUp`, which also runs on a signal. When all is cleaned up, a signal ends the process. */
export async function cleanedUp<T>(
  use: () => Promise<T>,
  cleanUp: () => Promise<void>,
): Promise<T> {
  let done: Promise<void> | null = null;
  const once = () => done ??= cleanUp();
  if (pending.length === 0) listen("addSignalListener");
  pending.push(once);
  try {
    return await use();
  } finally {
    await once();
    pending.splice(pending.indexOf(once), 1);
    if (pending.length === 0) listen("removeSignalListener");
  }
}

function listen(change: "addSignalListener" | "removeSignalListener"): void {
  for (const signal of SIGNALS) Deno[change](signal, interrupt);
}

function interrupt(): void {
  interruption.abort();
  void cleanAll().finally(() => Deno.exit(130));
}

async function cleanAll(): Promise<void> {
  for (const cleanUp of pending.toReversed()) {
    await cleanUp().catch((error) => console.error(error));
  }
}
