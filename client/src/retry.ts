import { SessionsError } from "./error.ts";

export interface RetryOptions {
  /**
   * How often a call that is safe to repeat is sent again; 0 for never. Default: 3, and 10 where the user goes on too
   * fast (429), as long as the waits come to less than two minutes.
   */
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
const RETRIES = 3;
const RETRIES_WHEN_TOO_FAST = 10;
/** What is waited after 429, in all. */
const MAX_WAIT_WHEN_TOO_FAST_MS = 120_000;
/** How much longer a wait is than it was asked for, at most. */
const MAX_SPREAD_MS = 30_000;

/** Runs `attempt` until it succeeds, fails for good, or has been repeated often enough. */
export async function withRetries<T>(
  attempt: (repeats: number) => Promise<T>,
  { retries, maxRetryAfter = 30, signal }: RetryOptions & CallOptions,
): Promise<T> {
  const repeated = { tooFast: 0, other: 0 };
  let waited = 0;
  for (let repeats = 0;; repeats++) {
    signal?.throwIfAborted();
    try {
      return await attempt(repeats);
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof SessionsError) || !mayPass(error)) throw error;
      const why = error.status === 429 ? "tooFast" : "other";
      const most = retries ?? (why === "tooFast" ? RETRIES_WHEN_TOO_FAST : RETRIES);
      if (repeated[why] >= most || (error.retryAfter ?? 0) > maxRetryAfter) throw error;
      const ms = waitFor(error, repeated[why]++);
      if (why === "tooFast" && (waited += ms) > MAX_WAIT_WHEN_TOO_FAST_MS) throw error;
      await wait(ms, signal);
    }
  }
}

/** Spread out, so that calls that failed together do not come back together. */
function waitFor({ status, retryAfter }: SessionsError, repeats: number): number {
  const asked = (retryAfter ?? 0) * 1000;
  // All calls that are refused at once are told the same wait, which is that for one of them.
  const least = status === 429 ? Math.max(asked, FIRST_WAIT_MS) : FIRST_WAIT_MS;
  return asked + Math.min(least * 2 ** repeats, MAX_SPREAD_MS) * Math.random();
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
