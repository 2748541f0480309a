/** Requests that once got an answer they should not get. @module */

import type { Act } from "./acts.ts";
import type { FuzzRequest } from "./requests.ts";

const json = { "content-type": "application/json" };

export const REGRESSIONS: FuzzRequest[] = [
  // Answered 500: a check of what `meta` holds met null.
  {
    method: "POST",
    path: "/session-messages/{own}",
    caller: "user",
    headers: json,
    body: '{"message":{"role":"user","content":"x"},"meta":null}',
  },
  // Answered 500: where its number is was looked for with a call for each level.
  {
    method: "POST",
    path: "/create-session",
    caller: "user",
    headers: json,
    body: `{"metadata":{"a":${"[".repeat(7_000)}1e400${"]".repeat(7_000)}}}`,
  },
];

/** Rows that were taken, and then stood in the way of something; each goes to a session of its own. */
export const WRITES: Act[] = [
  // Its deletion waited for the time of the write to be over, for ever; other years raised 22008 in each sweep.
  {
    role: "service",
    method: "PATCH",
    path: "/rest/v1/session_mappings?id=eq.{own}",
    headers: json,
    body:
      '{"last_write_at":"infinity","last_activity_at":"294276-12-01","message_count":2147483646}',
  },
  // Expired at once: a month has 30 days where it is compared, and more in the calendar.
  {
    role: "ann",
    method: "PATCH",
    path: "/rest/v1/session_mappings?id=eq.{own}",
    headers: json,
    body: '{"ttl":"-1000 years 363650 days","pinned":false}',
  },
];
