import { SessionsError } from "./error.ts";

export interface RetryOptions {
  /** How often a call that is safe to repeat is sent again; default 3, 0 for never. */
  retries?: number;
  /** Seconds. An error that asks for a longer wait is thrown at once; default 30. */
  maxRetryAfter?: number;
}

/** What every call takes. */
export interface CallOptions {
  /** Ends the call and its waits; it then throws the signal's reason. */
  signal?: AbortSignal | undefined;
}

/** Answers of proxies and of the platform that are worth another try. 546: the worker was ended, and another takes over. */
const PASSING = [429, 502, 503, 504, 546];
const FIRST_WAIT_MS = 300;

/** Runs `attempt` until it succeeds, fails for good, or has been repeated often enough. */
export async function withRetries<T>(
  attempt: (repeats: number) => Promise<T>,
  { retries = 3, maxRetryAfter = 30, signal }: RetryOptions & CallOptions,
): Promise<T> {
  for (let repeats = 0;; repeats++) {
    signal?.throwIfAborted();
    try {
      return await attempt(repeats);
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof SessionsError) || repeats >= retries || !mayPass(error)) throw error;
      if ((error.retryAfter ?? 0) > maxRetryAfter) throw error;
      // Spread out, so that clients that failed together do not come back together.
      const spread = FIRST_WAIT_MS * 2 ** repeats * Math.random();
      await wait((error.retryAfter ?? 0) * 1000 + spread, signal);
    }
  }
}

function mayPass({ code, status, retryAfter }: SessionsError): boolean {
  return code === "network_error" || retryAfter !== null ||
    (code === "unexpected_answer" && PASSING.includes(status));
}

function wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    function stop() {
      clearTimeout(timer);
      reject(signal?.reason);
    }
    signal?.addEventListener("abort", stop, { once: true });
  });
}
