/**
 * Runs one Edge Function in a process of its own, in place of the platform's edge runtime. It imports nothing, so that
 * the function's own import map is the only one in force.
 *
 * The stack generates an entry file that imports this module and the function's `index.ts`; imports of an entry file
 * need no read permission, so the process has none.
 *
 * @module
 */

/** The default export of a function's `index.ts`. */
interface EdgeFunction {
  fetch(request: Request): Response | Promise<Response>;
}

/** How long requests and background work may go on after the signal to end. */
const SHUTDOWN_GRACE_MS = 4_000;

const background = new Set<Promise<unknown>>();

Object.defineProperty(globalThis, "EdgeRuntime", {
  value: {
    /** Keeps the worker alive until `promise` settles. */
    waitUntil<T>(promise: Promise<T>): Promise<T> {
      const settled = Promise.resolve(promise)
        .catch((error) => console.error("background work failed:", error))
        .finally(() => background.delete(settled));
      background.add(settled);
      return promise;
    },
  },
});

addEventListener("unhandledrejection", (event) => {
  // The platform ends the worker on an uncaught exception, not on a rejected promise nobody waits for.
  event.preventDefault();
  console.error("unhandled rejection:", event.reason);
});

/**
 * Serves `edgeFunction` on a free port of the loopback address. Prints `announcement` with the port and, when it begins
 * to end, with `ending`.
 */
export function host(edgeFunction: EdgeFunction, options: { name: string; announcement: string }) {
  if (typeof edgeFunction?.fetch !== "function") {
    throw new Error("index.ts has to say `export default { fetch(request) { … } }`");
  }
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen: ({ port }) => console.log(`${options.announcement} ${port}`),
    onError: (error) => {
      console.error(error);
      return Response.json({
        code: "WORKER_ERROR",
        message: "Function exited due to an error (please check logs)",
      }, {
        status: 500,
      });
    },
  }, (request) => edgeFunction.fetch(request));

  let ending = false;
  async function end() {
    if (ending) return;
    ending = true;
    console.log(`${options.announcement} ending`);
    dispatchEvent(new CustomEvent("beforeunload", { detail: { reason: "termination" } }));
    const timer = setTimeout(() => Deno.exit(0), SHUTDOWN_GRACE_MS);
    await server.shutdown();
    while (background.size > 0) await Promise.allSettled(background);
    clearTimeout(timer);
    Deno.exit(0);
  }
  Deno.addSignalListener("SIGTERM", end);
}
