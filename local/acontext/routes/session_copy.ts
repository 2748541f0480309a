/** POST /session/:id/copy. @module */

import { ok } from "../answer.ts";
import type { Call, State } from "../state.ts";
import { requireSession } from "./session_answers.ts";

/**
 * Copies a session with everything it has: configs, owner, messages. The messages share their content with the original
 * and all get one time, so their order is lost but for `parent_id` (API 0.1.41).
 */
export function copySession(call: Call, state: State): Response {
  const session = requireSession(call, state);
  if (session instanceof Response) return session;
  const createdAt = state.micros();
  const copy = { ...session, id: state.uuid(), createdAt, updatedAt: createdAt };
  state.sessions.insert(copy);
  for (const message of state.messages.all(session.id)) {
    state.messages.insert({ ...message, id: state.uuid(), sessionId: copy.id, createdAt });
    const { content, parts } = message;
    const assets = parts.flatMap(({ asset }) =>
      asset === undefined ? [] : [{ key: asset.s3_key, sha256: asset.sha256 }]
    );
    for (const asset of [content, ...assets]) state.references.add(call.projectId, asset);
  }
  return ok({ old_session_id: session.id, new_session_id: copy.id });
}
