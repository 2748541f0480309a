/**
 * Counts the tokens of a session's messages.
 *
 * @module
 */
import type { SessionKey } from "../sessions/ports.ts";
import { type UseDeps, useSession } from "../sessions/use_session.ts";
import type { Messages } from "./ports.ts";

/**
 * The tokens of all messages. Counting is not activity: a dashboard must not keep a session alive.
 *
 * @throws {AppError} those of {@link useSession}, `acontext_unavailable`, `acontext_rejected`, `acontext_inconsistent`
 */
export async function countTokens(
  deps: UseDeps & { messages: Messages },
  key: SessionKey,
): Promise<{ totalTokens: number }> {
  const session = await useSession(deps, key, {
    touch: false,
    needs: "session",
    action: "count the tokens",
  });
  const counting = deps.messages.countTokens(session.acontextSessionId);
  return { totalTokens: await session.must(counting) };
}
