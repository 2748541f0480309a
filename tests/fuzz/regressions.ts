/** Requests that once got an answer they should not get. @module */

import type { FuzzRequest } from "./requests.ts";

export const REGRESSIONS: FuzzRequest[] = [];
