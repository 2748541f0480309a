/** Messages in the server's own format. @module */

import { isObject, type JsonObject } from "../json.ts";
import type { Message } from "../store/messages.ts";
import { formatTimestamp } from "../timestamps.ts";
import { compact } from "./normalized.ts";
import type { Part } from "./part.ts";

/** Where the caller's meta is kept, apart from the server's own. */
export const USER_META = "__user_meta__";

export function userMeta({ meta }: Message): JsonObject {
  const kept = meta[USER_META];
  return isObject(kept) ? kept : {};
}

export function toAcontext(message: Message, parentId: string | null): JsonObject {
  const time = formatTimestamp(message.createdAt);
  return compact({
    id: message.id,
    session_id: message.sessionId,
    parent_id: parentId,
    role: message.role,
    parts: message.parts.map(toPart),
    session_task_process_status: message.status,
    // The server's own notes, and the caller's meta in a member of its own.
    meta: Object.keys(message.meta).length === 0 ? undefined : message.meta,
    task_id: null,
    created_at: time,
    updated_at: time,
  });
}

function toPart({ type, text, asset, filename, meta }: Part): JsonObject {
  return compact({ type, text, asset, filename, meta });
}
