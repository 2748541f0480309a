/** GET, PUT and PATCH /session/:id/configs. @module */

import { badRequest, databaseError, failure, ok } from "../answer.ts";
import { bindBody } from "../body.ts";
import { isObject, type JsonObject } from "../json.ts";
import type { Call, State } from "../state.ts";
import { renderSession, requireSession } from "./session_answers.ts";

function missingIsError(): Response {
  return databaseError("record not found");
}

/** Answers the whole session; a missing one is a 500. */
export function getConfigs(call: Call, state: State): Response {
  const session = requireSession(call, state, missingIsError);
  return session instanceof Response ? session : ok(renderSession(session, state.abilities()));
}

/** Replaces the configs. */
export async function putConfigs(call: Call, state: State): Promise<Response> {
  const configs = await readConfigs(call.request);
  if (configs instanceof Response) return configs;
  const session = requireSession(call, state, missingIsError);
  if (session instanceof Response) return session;
  state.sessions.setConfigs(session.id, configs, state.micros());
  return ok();
}

/** Changes the given keys only; null removes a key. Answers the configs as they are then. */
export async function patchConfigs(call: Call, state: State): Promise<Response> {
  const patch = await readConfigs(call.request);
  if (patch instanceof Response) return patch;
  if (patch === null) return badRequest("Error:Field validation for 'Configs' failed");
  const session = requireSession(
    call,
    state,
    () => failure({ status: 404, msg: "session not found" }),
  );
  if (session instanceof Response) return session;
  const configs: JsonObject = { ...session.configs };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete configs[key];
    else configs[key] = value;
  }
  state.sessions.setConfigs(session.id, configs, state.micros());
  return ok({ configs });
}

async function readConfigs(request: Request): Promise<JsonObject | null | Response> {
  const body = await bindBody(request);
  if (body instanceof Response) return body;
  const configs = body["configs"] ?? null;
  if (configs === null || isObject(configs)) return configs;
  return badRequest("json: cannot unmarshal into map[string]interface {}");
}
