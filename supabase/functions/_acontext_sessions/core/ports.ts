/**
 * What every part of the core needs from outside: how a remote call ended, time, randomness, a log.
 *
 * The core imports nothing from outside its folder, and neither `Deno` nor `Request`. Everything it touches arrives
 * through interfaces, these and the `ports.ts` of each subject, so that a test, the simulation and the Edge Function
 * run the same code.
 *
 * @module
 */

/**
 * How a call to Acontext ended. A closed set: every adapter result is one of these, and nothing is thrown.
 *
 * - `done`: answered with success and the answer had the expected shape.
 * - `absent`: the server *claims* that the resource does not exist (404). Not a proof: an outage behind
 *   Acontext's API answers the same.
 * - `throttled`: answered 429; try again after `retryAfterMs`. It had no effect.
 * - `unavailable`: the service as a whole refuses or cannot be reached (connection refused, 401, 503, an answer
 *   that is not Acontext's). It had no effect as far as is known.
 * - `rejected`: the service understood and refused this one request (other 4xx). It had no effect.
 * - `unknown`: no answer, a broken answer, 500, 502 or 504. It may or may not have taken effect.
 *
 * `detail` is a short code such as `timeout` or `http_500`; it never carries text from the server.
 */
export type Outcome<T> =
  | { kind: "done"; value: T }
  | { kind: "absent" }
  | { kind: "throttled"; retryAfterMs: number }
  | { kind: "unavailable"; detail: string }
  | { kind: "rejected"; status: number; detail: string }
  | { kind: "unknown"; detail: string };

/**
 * An `Outcome`, or `doubtful`: refused in the one way in which Acontext refuses a missing session or disk, an invalid
 * request, and everything while its database is down. Without effect as far as is known.
 */
export type RemoteOutcome<T> = Outcome<T> | { kind: "doubtful" };

export type Json = string | number | boolean | null | { [key: string]: Json | undefined } | Json[];

export interface JsonObject {
  [key: string]: Json | undefined;
}

export interface Lease {
  leaseId: string;
  leaseSeconds: number;
}

/** Monotonic time in milliseconds, and waiting on it. Wall-clock time is read in the database only. */
export interface Clock {
  now(): number;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export interface Randomness {
  uuid(): string;
}

/** Lets work go on after the answer, as long as the worker lives. `work` deals with its own errors. */
export type Background = (work: Promise<void>) => void;

/** Structured log line: no secret, no token, no user content. */
export interface Log {
  info(event: string, fields?: Record<string, string | number | boolean | null>): void;
  warn(event: string, fields?: Record<string, string | number | boolean | null>): void;
  error(event: string, fields?: Record<string, string | number | boolean | null>): void;
}

/** A file in memory. */
export interface FileContent {
  filename: string;
  contentType: string;
  bytes: Uint8Array<ArrayBuffer>;
}
