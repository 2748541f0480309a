/**
 * Takes the deletion of a session back within the grace period.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import { quotaExceeded } from "./over_limit.ts";
import { refusedUser } from "./refused_user.ts";
import type { SessionKey, SessionStore, SessionView } from "./ports.ts";

/**
 * Takes a deletion back, as long as nothing remote was touched.
 *
 * @throws {AppError} `session_not_found`, `not_restorable`, `quota_exceeded`, `user_deleted`, `user_banned` and those of the store
 */
export async function restoreSession(
  { store }: { store: SessionStore },
  key: SessionKey,
): Promise<SessionView> {
  const restored = await store.restoreSession(key);
  switch (restored.outcome) {
    case "restored":
      return restored.session;
    case "not_found":
      throw new AppError("session_not_found");
    case "not_deleting":
      throw new AppError("not_restorable", {
        message: "Cannot restore the session: it is not being deleted",
      });
    case "too_late":
      throw new AppError("not_restorable", {
        message: "Cannot restore the session: its deletion has begun",
      });
    case "unknown_user":
    case "banned":
      throw refusedUser(restored);
    case "quota_exceeded":
      throw quotaExceeded(restored, "restore the session");
  }
}
