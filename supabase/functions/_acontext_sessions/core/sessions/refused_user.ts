/**
 * What callers are told whose token outlives their account, or was made before they were banned.
 *
 * @module
 */
import { AppError, type ErrorCode } from "../errors.ts";
import type { RefusedUser } from "./ports.ts";

export const REFUSED_USER = {
  unknown_user: "user_deleted",
  banned: "user_banned",
} as const satisfies Record<RefusedUser["outcome"], ErrorCode>;

export function refusedUser({ outcome }: RefusedUser): AppError {
  return new AppError(REFUSED_USER[outcome]);
}
