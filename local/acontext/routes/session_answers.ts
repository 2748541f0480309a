/** How a session looks, and what its handlers say when it is not there. @module */

import { badRequest, failure } from "../answer.ts";
import type { Abilities } from "../options.ts";
import type { Call, State } from "../state.ts";
import type { Session } from "../store/sessions.ts";
import { formatTimestamp } from "../timestamps.ts";
import { parseUuid } from "../uuid.ts";

export function renderSession(session: Session, abilities: Abilities) {
  return {
    id: session.id,
    project_id: session.projectId,
    user_id: session.userId,
    disable_task_tracking: session.disableTaskTracking,
    ...(abilities.spaceId ? { space_id: null } : {}),
    configs: session.configs,
    created_at: formatTimestamp(session.createdAt),
    updated_at: formatTimestamp(session.updatedAt),
  };
}

export function sessionNotFound(): Response {
  return failure({ status: 404, msg: "session not found" });
}

function sessionForbidden(): Response {
  return failure({ status: 403, msg: "session does not belong to project" });
}

/** Finds the session of the path, or gives the answer for a malformed, missing or foreign one. */
export function requireSession(
  call: Call,
  state: State,
  missing: () => Response = sessionNotFound,
  foreign: () => Response = sessionForbidden,
): Session | Response {
  const id = parseUuid(call.param);
  if (id === null) return badRequest(`invalid UUID "${call.param}"`);
  const session = state.sessions.find(id);
  if (session === null) return missing();
  return session.projectId === call.projectId ? session : foreign();
}
