/** DELETE /session/:id. @module */

import { databaseError, ok } from "../answer.ts";
import type { Call, State } from "../state.ts";
import { requireSession, sessionNotFound } from "./session_answers.ts";

/**
 * Deletes a session as the server does: it reads which stored objects the messages name, deletes the row, and only
 * then, outside any transaction, drops the objects. Two deletes of one session can therefore both succeed and drop
 * the same references twice.
 */
export async function deleteSession(call: Call, state: State): Promise<Response> {
  const missing = state.abilities().missingSessionStatus === 500
    ? () => databaseError("record not found")
    : sessionNotFound;
  const session = requireSession(call, state, missing);
  if (session instanceof Response) return session;
  return await state.deletions.during(`session ${session.id}`, call.request, async () => {
    const keys = state.messages.objectKeys(session.id);
    await state.sleep(0);
    state.sessions.delete(session.id);
    await state.sleep(0);
    state.objects.release(keys);
    return ok();
  });
}
