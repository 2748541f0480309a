/** Requests that once got an answer they should not get. @module */

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
];
