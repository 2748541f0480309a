/** GET and POST /disk, DELETE /disk/:id. @module */

import { badRequest, created, failure, ok } from "../answer.ts";
import { bindBody, textField } from "../body.ts";
import { countDown, goOn, inTransaction, StorageDown } from "../content.ts";
import { readListQuery, toPage } from "../list_query.ts";
import type { Call, State } from "../state.ts";
import type { Disk } from "../store/disks.ts";
import { formatTimestamp } from "../timestamps.ts";
import { parseUuid } from "../uuid.ts";

function renderDisk({ id, projectId, userId, createdAt }: Disk) {
  const time = formatTimestamp(createdAt);
  return { id, project_id: projectId, user_id: userId, created_at: time, updated_at: time };
}

/** What a missing disk, a foreign one and a database outage all look like to a delete. */
export function diskNotFound(): Response {
  return failure({ status: 404, msg: "disk not found or access denied" });
}

/** Makes a disk; not idempotent. An old server ignores the label. */
export async function createDisk(call: Call, state: State): Promise<Response> {
  const body = await bindBody(call.request);
  if (body instanceof Response) return body;
  const user = textField(body, "user");
  if (user === null) return badRequest("json: cannot unmarshal into string");
  const labelled = user !== "" && state.abilities().diskLabels;
  const userId = labelled ? state.users.getOrCreate(call.projectId, user) : null;
  const disk = { id: state.uuid(), projectId: call.projectId, userId, createdAt: state.micros() };
  state.disks.insert(disk);
  return created(renderDisk(disk));
}

/** Lists disks, those of agent skills included. */
export function listDisks(call: Call, state: State): Response {
  const query = call.url.searchParams;
  const list = readListQuery(query, { default: 20, allowZero: false });
  if (list instanceof Response) return list;
  const user = state.abilities().diskLabels ? query.get("user") ?? "" : "";
  const userId = user === "" ? null : state.users.find(call.projectId, user);
  if (user !== "" && userId === null) return ok({ items: [], has_more: false });
  const rows = state.disks.list(call.projectId, userId, list);
  return ok(toPage(rows, list.limit, renderDisk));
}

/** Deletes a disk in the same steps as a session, and the agent skill that owns it, if any. */
export async function deleteDisk(call: Call, state: State): Promise<Response> {
  const id = parseUuid(call.param);
  if (id === null) return badRequest(`invalid UUID "${call.param}"`);
  const disk = state.disks.find(call.projectId, id);
  if (disk === null) return diskNotFound();
  const deleteStepwise = async () => {
    try {
      await countDown(call, state, state.artifacts.hashes(id));
    } catch (error) {
      if (error instanceof StorageDown) return failure({ status: 500, msg: "database error" });
      throw error;
    }
    await goOn(call, state);
    state.disks.delete(id);
    return ok();
  };
  const work = () => inTransaction(call, state, deleteStepwise);
  return await state.deletions.during(`disk ${id}`, call.request, work);
}
