import { filename as filenameSchema } from "../_acontext_sessions/contract/files.ts";
import {
  DEFAULT_STRATEGIES,
  fileFieldsOf,
  idempotencyKey,
  loadMessagesQuery,
  MAX_ATTACHMENT_BYTES,
  MAX_BODY_BYTES,
  MAX_STORED_BYTES,
  type StoreMessageBody,
  storeMessageBody,
} from "../_acontext_sessions/contract/messages.ts";
import { AppError } from "../_acontext_sessions/core/errors.ts";
import { examine } from "../_acontext_sessions/core/messages/formats/own.ts";
import { hashMessage, hashText } from "../_acontext_sessions/core/messages/hash.ts";
import type {
  LoadedMessages,
  LoadMessagesInput,
} from "../_acontext_sessions/core/messages/load_messages.ts";
import type {
  MessageKey,
  NewMessage,
  StoredMessage,
} from "../_acontext_sessions/core/messages/ports.ts";
import type { SessionKey } from "../_acontext_sessions/core/sessions/ports.ts";
import type { User } from "../_acontext_sessions/http/auth.ts";
import { parseJsonText } from "../_acontext_sessions/http/body.ts";
import { describePaths } from "../_acontext_sessions/http/details.ts";
import { readValue } from "../_acontext_sessions/http/query.ts";
import type { Call, Routes } from "../_acontext_sessions/http/serve.ts";

/** What the routes call. */
export interface Actions {
  store(
    input: { key: SessionKey; message: NewMessage; idempotency: MessageKey | null },
  ): Promise<{ created: boolean; message: StoredMessage }>;
  load(input: LoadMessagesInput): Promise<LoadedMessages>;
  countTokens(key: SessionKey): Promise<{ totalTokens: number }>;
}

/** 201 with a stored message, 200 with the one that an earlier request with the same key stored. */
export function routes({ store, load, countTokens }: Actions): Routes<User> {
  return {
    async "POST /:id"(call) {
      const key = keyOf(call);
      const idempotency = call.header("Idempotency-Key", idempotencyKey);
      const message = await readMessage(call);
      const { created, message: stored } = await store({
        key,
        message,
        idempotency: idempotency === null ? null : {
          keyHash: await hashText(idempotency),
          bodyHash: await hashMessage(message),
        },
      });
      return { status: created ? 201 : 200, body: stored };
    },

    async "GET /:id"(call) {
      const key = keyOf(call);
      const { limit, cursor, last, editStrategies, ...query } = call.query(loadMessagesQuery);
      const body = await load({
        key,
        limit: limit ?? null,
        cursor: cursor ?? null,
        last: last ?? null,
        format: query.format,
        editStrategies: editStrategies ?? DEFAULT_STRATEGIES,
        pinEditsAt: query.pinEditingStrategiesAtMessage ?? null,
        withAssetUrls: query.withAssetPublicUrl,
        allowIncomplete: query.allowIncomplete,
      });
      return { status: 200, body };
    },

    async "GET /:id/token-counts"(call) {
      return { status: 200, body: await countTokens(keyOf(call)) };
    },
  };
}

function keyOf({ caller, id }: Call<User>): SessionKey {
  return { userId: caller.userId, sessionId: id() };
}

/** From JSON, or from a form with the same JSON as `payload` and the files that its parts name. */
async function readMessage(call: Call<User>): Promise<NewMessage> {
  const form = await call.form(MAX_ATTACHMENT_BYTES + MAX_BODY_BYTES);
  if (form === null) {
    const body = await call.body(storeMessageBody);
    requireFiles(body, new Set());
    requireKept(body);
    return { ...body, attachments: new Map() };
  }
  const payload = form.fields.get("payload") ?? "";
  if (payload.length > MAX_BODY_BYTES) throw new AppError("body_too_large");
  const body = readValue(parseJsonText(payload), {
    schema: storeMessageBody,
    path: "payload",
  });
  requireFiles(body, new Set(form.files.keys()));
  requireKept(body);
  const bytes = form.files.values().reduce((sum, file) => sum + file.bytes.length, 0);
  if (bytes > MAX_ATTACHMENT_BYTES) {
    throw new AppError("body_too_large", {
      message: `Cannot read the body: the files have more than ${MAX_ATTACHMENT_BYTES} bytes`,
    });
  }
  for (const [field, { filename }] of form.files) {
    readValue(filename, { schema: filenameSchema, path: field });
  }
  return { ...body, attachments: form.files };
}

/** What is stored comes back as it is, or is not stored. */
function requireKept({ format, message }: StoreMessageBody): void {
  const { lost, bytes } = examine(format, message);
  if (lost.length > 0) {
    const paths = lost.map((path) => ["message", ...path]);
    const details = describePaths(paths, "would not come back as it is");
    throw new AppError("message_not_kept", { details });
  }
  if (bytes > MAX_STORED_BYTES) {
    throw new AppError("body_too_large", {
      message: `Cannot store the message: Acontext would write it with more than ` +
        `${MAX_STORED_BYTES} bytes, and no load could read it`,
    });
  }
}

/** Acontext would ignore a file that no part names. */
function requireFiles(body: StoreMessageBody, files: ReadonlySet<string>): void {
  const wanted = new Set(fileFieldsOf(body));
  const details = [
    ...[...wanted.difference(files)].map(() => "names a file that is not in the form"),
    ...[...files.difference(wanted)].map(() => "does not name every file of the form"),
  ].map((message) => ({ path: "message.parts.file_field", message }));
  if (details.length > 0) throw new AppError("invalid_request", { details });
}
