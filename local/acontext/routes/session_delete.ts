/** DELETE /session/:id. @module */

import { databaseError, ok } from "../answer.ts";
import { countDown, goOn, inTransaction, StorageDown, storageStep } from "../content.ts";
import type { Call, State } from "../state.ts";
import { requireSession, sessionNotFound } from "./session_answers.ts";

/**
 * Deletes a session as the server does. It reads the parts of each message, one after the other; what cannot be read is
 * passed over, with the attachments that it names. Then it counts down, outside the transaction that deletes the row,
 * which commits last. Two deletes of one session both succeed and count down twice.
 */
export async function deleteSession(call: Call, state: State): Promise<Response> {
  const missing = state.abilities().missingSessionStatus === 500
    ? () => databaseError("record not found")
    : sessionNotFound;
  const session = requireSession(call, state, missing);
  if (session instanceof Response) return session;
  const deleteStepwise = async () => {
    const hashes: string[] = [];
    for (const { content, parts } of state.messages.all(session.id)) {
      hashes.push(content.sha256);
      if (await isReadable(content.key)) {
        hashes.push(...parts.flatMap(({ asset }) => asset === undefined ? [] : [asset.sha256]));
      }
    }
    try {
      await countDown(call, state, hashes);
    } catch (error) {
      if (error instanceof StorageDown) return databaseError("decrement asset references");
      throw error;
    }
    await goOn(call, state);
    state.sessions.delete(session.id);
    return ok();
  };
  const work = () => inTransaction(call, state, deleteStepwise);
  return await state.deletions.during(`session ${session.id}`, call.request, work);

  async function isReadable(key: string): Promise<boolean> {
    try {
      await storageStep(call, state);
      return state.objects.has(key);
    } catch (error) {
      if (error instanceof StorageDown) return false;
      throw error;
    }
  }
}
