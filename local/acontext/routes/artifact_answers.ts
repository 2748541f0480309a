/** How an artifact looks, and what its handlers say when the disk is not there. @module */

import { badRequest, failure } from "../answer.ts";
import { isObject, type JsonObject, parseJson } from "../json.ts";
import type { Call, State } from "../state.ts";
import type { Artifact } from "../store/artifacts.ts";
import type { Disk } from "../store/disks.ts";
import { formatTimestamp } from "../timestamps.ts";
import { parseUuid } from "../uuid.ts";

const INFO_KEY = "__artifact_info__";

export function renderArtifact(artifact: Artifact) {
  const { path, filename, mime, size } = artifact;
  return {
    disk_id: artifact.diskId,
    path,
    filename,
    meta: { [INFO_KEY]: { path, filename, mime, size }, ...artifact.meta },
    created_at: formatTimestamp(artifact.createdAt),
    updated_at: formatTimestamp(artifact.updatedAt),
  };
}

/** What reading from a missing or foreign disk answers, and any route but the upload during an outage. */
export function diskForbidden(): Response {
  return failure({ status: 403, msg: "disk not found or access denied" });
}

/** Finds the disk of the path, or gives the answer for a malformed, missing or foreign one. */
export function requireDisk(
  call: Call,
  state: State,
  missing: () => Response = diskForbidden,
): Disk | Response {
  const id = parseUuid(call.param);
  if (id === null) return badRequest(`invalid UUID "${call.param}"`);
  return state.disks.find(call.projectId, id) ?? missing();
}

/** Reads the caller's meta; the server's own key is reserved. */
export function readMeta(text: string): JsonObject | Response {
  const parsed = text === "" ? { ok: true, value: {} } as const : parseJson(text);
  if (!parsed.ok || !isObject(parsed.value)) {
    return badRequest("invalid JSON", "invalid meta JSON format");
  }
  if (Object.hasOwn(parsed.value, INFO_KEY)) {
    return badRequest(`reserved key '${INFO_KEY}' is not allowed in user meta`);
  }
  return parsed.value;
}
