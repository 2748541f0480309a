/** POST and PUT /disk/:id/artifact. @module */

import { badRequest, created, databaseError, failure, ok } from "../answer.ts";
import { bindBody, readForm, textField } from "../body.ts";
import { extensionOf, mediaTypeOf } from "../media_types.ts";
import type { Call, State } from "../state.ts";
import { diskNotFound } from "./disks.ts";
import { readMeta, renderArtifact, requireDisk } from "./artifact_answers.ts";
import { pathProblem, splitFilePath } from "./artifact_paths.ts";

const MAX_BYTES = 16 * 1024 * 1024;

/**
 * Uploads a file; the name is that of the multipart file, whatever `file_path` ends with. An existing file is deleted
 * first and the new one stored after: not atomic.
 */
export async function upsertArtifact(call: Call, state: State): Promise<Response> {
  const form = await readForm(call.request);
  const file = form?.get("file");
  if (!form || !(file instanceof File) || file.name === "") {
    return badRequest("http: no such file", "file is required");
  }
  if (file.size > MAX_BYTES) {
    const error = "file size exceeds maximum allowed size of 16.00MB";
    return failure({ status: 413, code: 400, msg: "parameter error", error });
  }
  const { directory } = splitFilePath(formText(form, "file_path") || "/");
  const problem = pathProblem(directory);
  if (problem !== null) return badRequest(problem, "invalid path");
  const meta = readMeta(formText(form, "meta"));
  if (meta instanceof Response) return meta;
  const disk = requireDisk(call, state, diskNotFound);
  if (disk instanceof Response) return disk;

  const filename = file.name.slice(file.name.lastIndexOf("/") + 1);
  const data = new Uint8Array(await file.arrayBuffer());
  const existing = state.artifacts.find(disk.id, directory, filename);
  if (existing !== null) {
    state.artifacts.delete(existing);
    state.objects.release([existing.objectKey]);
    await state.sleep(0);
  }
  const { projectId } = call;
  const mime = mediaTypeOf(filename, file.type);
  const stored = state.objects.put({ projectId, extension: extensionOf(filename), mime, data });
  const now = state.micros();
  const artifact = {
    diskId: disk.id,
    path: directory,
    filename,
    objectKey: stored.key,
    mime,
    size: data.length,
    meta,
    createdAt: now,
    updatedAt: now,
  };
  try {
    state.artifacts.insert(artifact);
  } catch { // the disk went away, or somebody stored the same file, in between
    state.objects.release([stored.key]);
    return databaseError("cannot create artifact record");
  }
  return created(renderArtifact(artifact));
}

function formText(form: FormData, name: string): string {
  const value = form.get(name);
  return typeof value === "string" ? value : "";
}

/** Replaces the caller's meta of a file. */
export async function updateArtifact(call: Call, state: State): Promise<Response> {
  const body = await bindBody(call.request);
  if (body instanceof Response) return body;
  const filePath = textField(body, "file_path");
  const rawMeta = textField(body, "meta");
  if (!filePath || !rawMeta) return badRequest("Field validation failed on the 'required' tag");
  const { directory, filename } = splitFilePath(filePath);
  const problem = pathProblem(directory);
  if (problem !== null) return badRequest(problem, "invalid path");
  const meta = readMeta(rawMeta);
  if (meta instanceof Response) return meta;
  const disk = requireDisk(call, state);
  if (disk instanceof Response) return disk;
  const artifact = state.artifacts.find(disk.id, directory, filename);
  if (artifact === null) return databaseError("record not found");
  const updatedAt = state.micros();
  state.artifacts.setMeta(artifact, meta, updatedAt);
  return ok({ artifact: renderArtifact({ ...artifact, meta, updatedAt }) });
}
