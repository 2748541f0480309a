/**
 * Ending the parts of a stack in the right order, however far its start had come.
 *
 * @module
 */

/**
 * From first to last. Nothing new is begun; functions may finish what they do, for which they need everything below
 * them; then the rest.
 */
const STAGES = ["workers", "functions", "gateway", "apis", "acontext", "postgres", "lock"] as const;

/** Collects what is to be ended. */
export function createShutdown() {
  const parts: { stage: typeof STAGES[number]; stop: () => Promise<void> }[] = [];
  let running: Promise<void> | null = null;

  async function stopAll(): Promise<void> {
    const errors: unknown[] = [];
    for (const stage of STAGES) {
      const results = await Promise.allSettled(
        parts.filter((part) => part.stage === stage).map((part) => part.stop()),
      );
      for (const result of results) if (result.status === "rejected") errors.push(result.reason);
    }
    if (errors.length > 0) throw new AggregateError(errors, "Cannot stop every part of the stack");
  }

  return {
    add(stage: typeof STAGES[number], stop: () => Promise<void>) {
      parts.push({ stage, stop });
    },
    /** Ends everything once; later calls wait for the first. */
    run(): Promise<void> {
      running ??= stopAll();
      return running;
    },
  };
}
