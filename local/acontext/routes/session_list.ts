/** GET /session. @module */

import { badRequest, ok } from "../answer.ts";
import { isObject, type JsonObject, parseJson } from "../json.ts";
import { readListQuery, toPage } from "../list_query.ts";
import type { Call, State } from "../state.ts";
import { renderSession } from "./session_answers.ts";

/** Lists sessions, by user and by what their configs contain. An old server ignores the second filter. */
export function listSessions(call: Call, state: State): Response {
  const query = call.url.searchParams;
  const configs = readFilter(query.get("filter_by_configs") ?? "");
  if (configs instanceof Response) return configs;
  const list = readListQuery(query, { default: 20, allowZero: false });
  if (list instanceof Response) return list;

  const user = query.get("user") ?? "";
  const userId = user === "" ? null : state.users.find(call.projectId, user);
  if (user !== "" && userId === null) return ok({ items: [], has_more: false });
  const abilities = state.abilities();
  const filter = { userId, configs: abilities.filterByConfigs ? configs : null };
  const rows = state.sessions.list(call.projectId, filter, list);
  return ok(toPage(rows, list.limit, (session) => renderSession(session, abilities)));
}

function readFilter(text: string): JsonObject | null | Response {
  if (text === "") return null;
  const parsed = parseJson(text);
  if (!parsed.ok) return badRequest("invalid JSON", "invalid filter_by_configs JSON");
  if (parsed.value === null) return null;
  if (!isObject(parsed.value)) {
    return badRequest("json: cannot unmarshal into map", "invalid filter_by_configs JSON");
  }
  return Object.keys(parsed.value).length === 0 ? null : parsed.value;
}
