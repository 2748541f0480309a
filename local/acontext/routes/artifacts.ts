/** GET and DELETE /disk/:id/artifact, GET /disk/:id/artifact/ls. @module */

import { badRequest, databaseError, ok } from "../answer.ts";
import { countDown, readObject, StorageDown } from "../content.ts";
import { readBoolean } from "../list_query.ts";
import { textKindOf } from "../media_types.ts";
import { publicLink } from "../public_link.ts";
import type { Call, State } from "../state.ts";
import type { Artifact } from "../store/artifacts.ts";
import { renderArtifact, requireDisk } from "./artifact_answers.ts";
import { childDirectories, pathProblem, splitFilePath } from "./artifact_paths.ts";

/**
 * Answers a file's record, a public link and, when it is text, its content if that can be read. A missing file is HTTP 404
 * with code 500.
 */
export function getArtifact(call: Call, state: State): Response {
  const query = call.url.searchParams;
  const withUrl = readBoolean(query.get("with_public_url"), true);
  const withContent = readBoolean(query.get("with_content"), true);
  if (withUrl === null || withContent === null) {
    return badRequest("strconv.ParseBool: invalid syntax");
  }
  const expire = query.get("expire") || "3600";
  if (!/^-?\d+$/.test(expire)) return badRequest("strconv.ParseInt: invalid syntax");
  const artifact = findArtifact(call, state, 404);
  if (artifact instanceof Response) return artifact;

  const { objectKey } = artifact;
  const expiresAt = state.now() + Number(expire) * 1000;
  const content = withContent ? readContent(artifact, state) : null;
  return ok({
    artifact: renderArtifact(artifact),
    ...(withUrl ? { public_url: publicLink(call, state, { objectKey, expiresAt }) } : {}),
    ...(content === null ? {} : { content }),
  });
}

function readContent({ mime, objectKey }: Artifact, state: State) {
  const type = textKindOf(mime);
  const object = type === null ? null : readObject(state, objectKey);
  return object === null ? null : { type, raw: new TextDecoder().decode(object.data) };
}

/** Deletes a file; a missing one is a 500. */
export async function deleteArtifact(call: Call, state: State): Promise<Response> {
  const artifact = findArtifact(call, state, 500);
  if (artifact instanceof Response) return artifact;
  try {
    await countDown(call, state, [artifact.sha256]);
  } catch (error) {
    if (error instanceof StorageDown) return databaseError("decrement asset reference");
    throw error;
  }
  state.artifacts.delete(artifact);
  return ok();
}

function findArtifact(call: Call, state: State, missing: 404 | 500): Artifact | Response {
  const filePath = call.url.searchParams.get("file_path") ?? "";
  if (filePath === "") return badRequest("Field validation for 'FilePath' failed");
  const { directory, filename } = splitFilePath(filePath);
  const problem = pathProblem(directory);
  if (problem !== null) return badRequest(problem, "invalid path");
  const disk = requireDisk(call, state);
  if (disk instanceof Response) return disk;
  return state.artifacts.find(disk.id, directory, filename) ??
    databaseError("record not found", missing);
}

/** Lists the files and directories directly in a directory. */
export function listArtifacts(call: Call, state: State): Response {
  const path = call.url.searchParams.get("path") || "/";
  if (splitFilePath(path).directory !== path) {
    return badRequest("bad path", "both ends of the path must be '/'");
  }
  const problem = pathProblem(path);
  if (problem !== null) return badRequest(problem, "invalid path");
  const disk = requireDisk(call, state);
  if (disk instanceof Response) return disk;
  return ok({
    artifacts: state.artifacts.list(disk.id, path).map(renderArtifact),
    directories: childDirectories(path, state.artifacts.paths(disk.id)),
  });
}
