/** POST and PUT /disk/:id/artifact. @module */

import { badRequest, created, databaseError, failure, ok } from "../answer.ts";
import { bindBody, readForm, textField } from "../body.ts";
import { countDown, StorageDown, storageStep } from "../content.ts";
import { extensionOf, isReadAsText, mediaTypeOf } from "../media_types.ts";
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
  const { projectId } = call;
  const mime = mediaTypeOf(filename, file.type);
  const asset = state.objects.nameOf({
    projectId,
    folder: "disks",
    extension: extensionOf(filename),
    mime,
    data,
    now: state.now(),
  });
  try {
    if (existing !== null) {
      state.artifacts.delete(existing);
      await countDown(call, state, [existing.sha256]);
    }
    await storageStep(call, state);
  } catch (error) {
    if (error instanceof StorageDown) return databaseError("upload failed");
    throw error;
  }
  // Content that is there already is found by its hash, whatever its key. Whether it is counted does not matter.
  const objectKey = state.objects.find("disks", projectId, asset.sha256) ?? asset.key;
  state.objects.put(objectKey, { mime, data });
  // PostgreSQL takes no NUL in a text, and what looks like one is kept in the row, too. The object stays behind.
  if (data.includes(0) && isReadAsText(filename, data)) {
    return databaseError('ERROR: invalid byte sequence for encoding "UTF8": 0x00 (SQLSTATE 22P05)');
  }
  const now = state.micros();
  const artifact = {
    diskId: disk.id,
    path: directory,
    filename,
    objectKey,
    sha256: asset.sha256,
    mime,
    size: data.length,
    meta,
    createdAt: now,
    updatedAt: now,
  };
  try {
    state.artifacts.insert(artifact);
  } catch { // the disk went away, or somebody stored the same file, in between
    return databaseError("cannot create artifact record");
  }
  state.references.add(projectId, { key: objectKey, sha256: asset.sha256 });
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
