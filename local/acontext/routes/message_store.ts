/** POST /session/:id/messages. @module */

import { badRequest, created, databaseError } from "../answer.ts";
import { bindBody, contentTypeOf, readForm } from "../body.ts";
import { isObject, type JsonObject, parseJson } from "../json.ts";
import { extensionOf, mediaTypeOf } from "../media_types.ts";
import { normalize } from "../messages/normalize.ts";
import {
  type Format,
  FORMATS,
  type IncomingMessage,
  type IncomingPart,
  MessageError,
  metaText,
} from "../messages/normalized.ts";
import type { Part } from "../messages/part.ts";
import { USER_META, userMeta } from "../messages/to_acontext.ts";
import type { Call, State } from "../state.ts";
import type { Message } from "../store/messages.ts";
import type { Asset, PutObject, StoredObject } from "../store/objects.ts";
import { formatTimestamp } from "../timestamps.ts";
import { requireSession } from "./session_answers.ts";

const MAX_META_BYTES = 64 * 1024;
const CACHED_MS = 60 * 60 * 1000;

interface Input {
  format: Format;
  message: IncomingMessage;
  files: ReadonlyMap<string, File>;
}

/** Stores one message. Not idempotent. A missing or foreign session is an HTTP 400 with code 500. */
export async function storeMessage(call: Call, state: State): Promise<Response> {
  const input = await readInput(call.request, state);
  if (input instanceof Response) return input;
  const session = requireSession(
    call,
    state,
    () => databaseError("session not found", 400),
    () => databaseError("session does not belong to project", 400),
  );
  if (session instanceof Response) return session;
  if (input.format === "gemini") {
    const problem = answerGeminiCalls(input.message, state.messages.all(session.id));
    if (problem !== null) return databaseError(problem, 400);
  }
  const parts: Part[] = [];
  const uploads: Upload[] = [];
  for (const [index, incoming] of input.message.parts.entries()) {
    const file = incoming.fileField === undefined ? null : input.files.get(incoming.fileField);
    if (file === undefined) {
      return databaseError(`parts[${index}]: missing uploaded file ${incoming.fileField}`, 400);
    }
    parts.push(await toPart(incoming, { file, projectId: call.projectId, state, uploads }));
  }
  const { asset: content } = prepareUpload({
    folder: "parts",
    extension: ".json",
    mime: "application/json",
    data: new TextEncoder().encode(JSON.stringify(parts)),
  }, { projectId: call.projectId, state, uploads });
  const message: Message = {
    id: state.uuid(),
    sessionId: session.id,
    role: input.message.role,
    meta: input.message.meta,
    parts,
    content,
    cachedUntil: state.now() + CACHED_MS,
    status: session.disableTaskTracking ? "disable_tracking" : "pending",
    createdAt: state.micros(),
  };
  state.references.addLater(call.projectId, uploads.map(({ asset }) => asset));
  // The answer does not wait for the object storage, nor does it tell when that is down.
  for (const { asset, object } of state.storage.down ? [] : uploads) {
    state.objects.put(asset.key, object);
  }
  const parentId = state.messages.all(session.id).at(-1)?.id ?? null;
  state.messages.insert(message);
  return created(renderStored(message, parentId));
}

async function readInput(request: Request, state: State): Promise<Input | Response> {
  const multipart = contentTypeOf(request) === "multipart/form-data";
  const form = multipart ? await readForm(request) ?? new FormData() : null;
  const body = form === null ? await bindBody(request) : readPayload(form);
  if (body instanceof Response) return body;

  const format = FORMATS.find((known) => known === (body["format"] || "openai"));
  if (format === undefined) return badRequest("Field validation for 'Format' failed");
  const meta = body["meta"] ?? {};
  if (!isObject(meta)) return badRequest("json: cannot unmarshal into map");
  if (new TextEncoder().encode(JSON.stringify(meta)).length > MAX_META_BYTES) {
    return badRequest("meta too large", "meta size exceeds 64KB limit");
  }
  if (!multipart && (body["blob"] ?? null) === null) {
    return badRequest("Field validation for 'Blob' failed on the 'required' tag");
  }
  const message = tryNormalize(format, body["blob"], state);
  if (message instanceof Response) return message;

  const files = new Map<string, File>();
  for (const { fileField } of multipart ? message.parts : []) {
    if (fileField === undefined) continue;
    const file = form?.get(fileField);
    if (!(file instanceof File)) return badRequest("no such file", `missing file ${fileField}`);
    files.set(fileField, file);
  }
  if (Object.keys(meta).length > 0) message.meta[USER_META] = meta;
  return { format, message, files };
}

function readPayload(form: FormData): JsonObject | Response {
  const payload = form.get("payload");
  if (typeof payload !== "string" || payload === "") return {};
  const parsed = parseJson(payload);
  if (parsed.ok && isObject(parsed.value)) return parsed.value;
  return badRequest("invalid JSON", "invalid payload json");
}

function tryNormalize(format: Format, blob: unknown, state: State): IncomingMessage | Response {
  try {
    return normalize(format, blob, () => `call_${state.uuid().slice(0, 8)}`);
  } catch (error) {
    if (!(error instanceof MessageError)) throw error;
    return badRequest(error.message, `failed to normalize ${format} message`);
  }
}

/**
 * Gives Gemini's function responses the id of the earliest call that has no answer yet, and checks that the names fit.
 *
 * @returns what is wrong, or null.
 */
function answerGeminiCalls(message: IncomingMessage, earlier: readonly Message[]): string | null {
  const parts = earlier.flatMap((stored) => stored.parts);
  const answered = new Set(
    parts.filter(({ type }) => type === "tool-result").map(({ meta }) =>
      metaText(meta, "tool_call_id")
    ),
  );
  const open = parts.filter(({ type, meta }) =>
    type === "tool-call" && !answered.has(metaText(meta, "id"))
  );
  for (const part of message.parts) {
    if (part.type !== "tool-result") continue;
    const call = open.shift();
    const id = metaText(call?.meta, "id");
    if (call === undefined) return "failed to resolve FunctionResponse: no call";
    if (metaText(call.meta, "name") !== metaText(part.meta, "name")) {
      return "function name mismatch";
    }
    if ((metaText(part.meta, "tool_call_id") || id) !== id) return "function ID mismatch";
    part.meta = { ...part.meta, tool_call_id: id };
  }
  return null;
}

/** Content on its way to the object storage. */
interface Upload {
  asset: Asset;
  object: StoredObject;
}

interface UploadContext {
  projectId: string;
  state: State;
  uploads: Upload[];
}

interface PartContext extends UploadContext {
  file: File | null;
}

function prepareUpload(
  object: Omit<PutObject, "projectId" | "now">,
  { projectId, state, uploads }: UploadContext,
): Upload {
  const asset = state.objects.nameOf({ ...object, projectId, now: state.now() });
  const upload = { asset, object: { mime: object.mime, data: object.data } };
  uploads.push(upload);
  return upload;
}

async function toPart(
  { type, text, meta }: IncomingPart,
  { file, ...context }: PartContext,
): Promise<Part> {
  const part: Part = {
    type,
    ...(text ? { text } : {}),
    ...(meta === undefined ? {} : { meta }),
  };
  if (file === null) return part;
  const data = new Uint8Array(await file.arrayBuffer());
  const mime = mediaTypeOf(file.name, file.type);
  const { asset: stored } = prepareUpload({
    folder: "assets",
    extension: extensionOf(file.name),
    mime,
    data,
  }, context);
  const asset = {
    bucket: "acontext-assets",
    s3_key: stored.key,
    etag: stored.sha256.slice(0, 32),
    sha256: stored.sha256,
    mime,
    size_b: data.length,
  };
  return { ...part, asset, filename: file.name };
}

function renderStored(message: Message, parentId: string | null): JsonObject {
  const time = formatTimestamp(message.createdAt);
  return {
    id: message.id,
    session_id: message.sessionId,
    parent_id: parentId,
    role: message.role,
    meta: userMeta(message),
    parts: message.parts,
    task_id: null,
    session_task_process_status: message.status,
    created_at: time,
    updated_at: time,
  };
}
