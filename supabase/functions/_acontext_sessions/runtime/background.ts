/**
 * Work that outlives its answer, and the worker's end.
 *
 * @module
 */

const shutdown = new AbortController();
const running = new Set<Promise<unknown>>();

// The platform says so before it ends a worker, whatever the reason: CPU, memory, wall clock or a new deployment.
addEventListener("beforeunload", () => shutdown.abort());

/** Aborted when this worker is about to end. */
export const shutdownSignal: AbortSignal = shutdown.signal;

/** Keeps the worker alive until `work` ends, where the runtime can. `work` has to deal with its own errors. */
export function runInBackground(work: Promise<unknown>): void {
  const runtime: unknown = Reflect.get(globalThis, "EdgeRuntime");
  if (
    typeof runtime === "object" && runtime !== null && "waitUntil" in runtime &&
    typeof runtime.waitUntil === "function"
  ) {
    runtime.waitUntil(work);
    return;
  }
  running.add(work);
  work.finally(() => running.delete(work)).catch(() => {});
}
