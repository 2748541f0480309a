/**
 * Work that outlives its answer, and the worker's end.
 *
 * @module
 */

const loadedAt = performance.now();
const shutdown = new AbortController();
const running = new Set<Promise<unknown>>();

// The platform says so before it ends a worker, whatever the reason: CPU, memory, wall clock or a new deployment.
addEventListener("beforeunload", () => shutdown.abort());

/** Aborted when this worker is about to end. */
export const shutdownSignal: AbortSignal = shutdown.signal;

/**
 * When this worker ends, on the clock of `performance.now()`. The hosted platform counts from the worker's start, and a
 * worker serves many requests. Elsewhere workers live on, and each request is given the same time.
 */
export function workerLife(
  { lifetimeMs, hosted }: { lifetimeMs: number; hosted: boolean },
): { endsAt: number; totalMs: number; shutdown: AbortSignal } {
  const startedAt = hosted ? loadedAt : performance.now();
  return { endsAt: startedAt + lifetimeMs, totalMs: lifetimeMs, shutdown: shutdownSignal };
}

/** Keeps the worker alive until `work` ends, where the runtime can. `work` has to deal with its own errors. */
export function runInBackground(work: Promise<unknown>): void {
  const runtime = edgeRuntime();
  if (runtime !== null) {
    runtime.waitUntil(work);
    return;
  }
  running.add(work);
  work.finally(() => running.delete(work)).catch(() => {});
}

/** The platform's own object; null where there is none. */
function edgeRuntime(): { waitUntil(work: Promise<unknown>): void } | null {
  const runtime: unknown = Reflect.get(globalThis, "EdgeRuntime");
  return hasWaitUntil(runtime) ? runtime : null;
}

function hasWaitUntil(value: unknown): value is { waitUntil(work: Promise<unknown>): void } {
  return typeof value === "object" && value !== null && "waitUntil" in value &&
    typeof value.waitUntil === "function";
}
