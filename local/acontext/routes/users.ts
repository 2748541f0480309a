/** GET /user/ls, DELETE /user/:identifier, GET /user/:identifier/resources. @module */

import { databaseError, ok } from "../answer.ts";
import { readListQuery, toPage } from "../list_query.ts";
import type { Call, State } from "../state.ts";
import { formatTimestamp } from "../timestamps.ts";

/** Lists users; a limit of 0, which is the default, means all. */
export function listUsers(call: Call, state: State): Response {
  const list = readListQuery(call.url.searchParams, { default: 0, allowZero: true });
  if (list instanceof Response) return list;
  const rows = state.users.list(call.projectId, list);
  return ok(toPage(rows, list.limit, ({ id, projectId, identifier, createdAt }) => ({
    id,
    project_id: projectId,
    identifier,
    created_at: formatTimestamp(createdAt),
    updated_at: formatTimestamp(createdAt),
  })));
}

/** Deletes a user and, by foreign key, all it owns; stored objects leak. An unknown user is fine. */
export function deleteUser(call: Call, state: State): Response {
  state.users.delete(call.projectId, call.param);
  return ok();
}

export function userResources(call: Call, state: State): Response {
  const id = state.users.find(call.projectId, call.param);
  return id === null ? databaseError("record not found") : ok({ counts: state.users.counts(id) });
}
