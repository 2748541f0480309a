/** POST /session. @module */

import { badRequest, created, failure, ok } from "../answer.ts";
import { bindBody, textField } from "../body.ts";
import { isObject, type JsonObject } from "../json.ts";
import type { Call, State } from "../state.ts";
import type { Session } from "../store/sessions.ts";
import { NIL_UUID, parseUuid } from "../uuid.ts";
import { renderSession } from "./session_answers.ts";

interface Input {
  user: string;
  disableTaskTracking: boolean;
  configs: JsonObject | null;
  useUuid: string | null;
}

/**
 * Makes a session. With `use_uuid` it is a get-or-create: an existing session of the project comes back with 200 and
 * the new user and configs are not applied to it.
 */
export async function createSession(call: Call, state: State): Promise<Response> {
  const body = await bindBody(call.request);
  if (body instanceof Response) return body;
  const input = readInput(body);
  if (input instanceof Response) return input;

  // The user is made first, and stays even when an existing session is returned.
  const { projectId } = call;
  const userId = input.user === "" ? null : state.users.getOrCreate(projectId, input.user);
  const wanted = state.abilities().useUuid ? input.useUuid : null;
  const existing = wanted === null ? null : state.sessions.find(wanted);
  if (existing !== null) {
    return existing.projectId === projectId
      ? ok(renderSession(existing, state.abilities()))
      : failure({ status: 409, msg: "session with this UUID already exists" });
  }
  const now = state.micros();
  const session: Session = {
    id: wanted === null || wanted === NIL_UUID ? state.uuid() : wanted,
    projectId,
    userId,
    disableTaskTracking: input.disableTaskTracking,
    configs: input.configs,
    createdAt: now,
    updatedAt: now,
  };
  state.sessions.insert(session);
  return created(renderSession(session, state.abilities()));
}

function readInput(body: JsonObject): Input | Response {
  const user = textField(body, "user");
  const rawUuid = textField(body, "use_uuid");
  if (user === null || rawUuid === null) return badRequest("json: cannot unmarshal into string");
  const configs = body["configs"] ?? null;
  if (configs !== null && !isObject(configs)) {
    return badRequest("json: cannot unmarshal into map[string]interface {}");
  }
  const tracking = body["disable_task_tracking"] ?? false;
  if (typeof tracking !== "boolean") return badRequest("json: cannot unmarshal into bool");
  const useUuid = rawUuid === "" ? null : parseUuid(rawUuid);
  if (rawUuid !== "" && useUuid === null) {
    return badRequest("invalid UUID", "invalid UUID format for use_uuid");
  }
  return { user, disableTaskTracking: tracking, configs, useUuid };
}
