/**
 * What callers are told who have reached a limit for users.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import type { QuotaExceeded, RateLimited } from "./ports.ts";

/** @param action For the message, as in "create the session". */
export function quotaExceeded(
  { limit, setting, counted }: QuotaExceeded,
  action: string,
): AppError {
  if (counted === "sessions") {
    return new AppError("quota_exceeded", {
      message: `Cannot ${action}: the limit of ${limit} sessions is reached`,
      details: [{ path: setting, message: `allows ${limit} sessions` }],
    });
  }
  return new AppError("quota_exceeded", {
    message: `Cannot ${action}: the limit of ${limit} sessions in deletion is reached`,
    details: [{ path: setting, message: `allows ${limit} sessions that are being deleted` }],
    hint: "Wait until some of them are gone, or restore one",
  });
}

/** @param action For the message, as in "create the session". */
export function rateLimited({ retryAfterMs }: RateLimited, action: string): AppError {
  return new AppError("rate_limited", {
    message: `Cannot ${action}: the user has done it too often within a minute`,
    retryAfterSeconds: retryAfterMs / 1000,
  });
}
