/**
 * Ending a command of this project: by Ctrl-C, by a signal, or because whoever started it is gone.
 *
 * @module
 */

const PARENT_CHECK_MS = 500;
/** A terminal's Ctrl-C reaches us twice: directly, and passed on by npm and `run.mjs`. */
const REPEAT_MS = 1_500;

/** Calls `stop` once when the command is to end, `force` on a second request. Returns a function that undoes it. */
export function onStopRequest(stop: () => void, force: () => void): () => void {
  let requestedAt: number | null = null;

  function request() {
    if (requestedAt === null) {
      requestedAt = Date.now();
      stop();
    } else if (Date.now() - requestedAt > REPEAT_MS) {
      force();
    }
  }

  const signals: Deno.Signal[] = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of signals) Deno.addSignalListener(signal, request);

  const ignoreRunner = onceRunnerIsGone(() => {
    if (requestedAt === null) request();
  });

  return () => {
    for (const signal of signals) Deno.removeSignalListener(signal, request);
    ignoreRunner();
  };
}

/** For a command whose parts see to signals themselves: a closed terminal and a killed `run.mjs` count as SIGTERM. */
export function endWithRunner(): void {
  const terminate = () => Deno.kill(Deno.pid, "SIGTERM");
  Deno.addSignalListener("SIGHUP", terminate);
  onceRunnerIsGone(terminate);
}

function onceRunnerIsGone(act: () => void): () => void {
  // Only under run.mjs; a Deno started by hand in a shell may outlive it on purpose.
  const runner = Number(Deno.env.get("ACONTEXT_SESSIONS_RUNNER"));
  if (runner !== Deno.ppid) return () => {};
  const watch = setInterval(() => {
    if (Deno.ppid === runner) return;
    clearInterval(watch);
    act();
  }, PARENT_CHECK_MS);
  return () => clearInterval(watch);
}

/** Runs `work`. When the command is to end meanwhile, its signal aborts, `work` may clean up, and the exit code is 130. */
export async function withStopSignal<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const request = new AbortController();
  const ignoreStops = onStopRequest(() => request.abort(), () => Deno.exit(130));
  try {
    return await work(request.signal);
  } finally {
    ignoreStops();
    if (request.signal.aborted) Deno.exit(130);
  }
}
