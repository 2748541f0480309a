/** Messages, as stored parts. @module */

import type { DatabaseSync } from "node:sqlite";
import { integer, type Row, text } from "../columns.ts";
import { type JsonObject, parseJson, readObject } from "../json.ts";
import type { ListQuery } from "../list_query.ts";
import { type Part, readParts } from "../messages/part.ts";
import { prepareKeyset } from "./keyset.ts";
import type { Asset } from "./objects.ts";

export interface Message {
  id: string;
  sessionId: string;
  role: string;
  meta: JsonObject;
  parts: Part[];
  /** Where the parts are in the object storage. */
  content: Asset;
  /** Milliseconds: until then the parts are in a cache, wherever the object is. */
  cachedUntil: number;
  /** How far the server has got with learning from it. */
  status: "pending" | "disable_tracking";
  createdAt: number;
}

export interface MessageStore {
  insert(message: Message): void;
  list(sessionId: string, query: ListQuery): Message[];
  all(sessionId: string): Message[];
  everywhere(): Message[];
  forgetCache(): void;
}

function toMessage(row: Row): Message {
  const parts = parseJson(text(row, "parts"));
  return {
    id: text(row, "id"),
    sessionId: text(row, "session_id"),
    role: text(row, "role"),
    meta: readObject(text(row, "meta")),
    parts: readParts(parts.ok ? parts.value : []),
    content: { key: text(row, "parts_key"), sha256: text(row, "parts_sha256") },
    cachedUntil: integer(row, "cached_until"),
    status: text(row, "status") === "pending" ? "pending" : "disable_tracking",
    createdAt: integer(row, "created_at"),
  };
}

export function createMessageStore(database: DatabaseSync): MessageStore {
  const insertRow = database.prepare("insert into messages values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  const everything = database.prepare("select * from messages");
  const uncache = database.prepare("update messages set cached_until = 0");
  const page = prepareKeyset(database, {
    select: "*",
    from: "messages",
    where: "session_id = ?",
    time: "created_at",
    id: "id",
  });
  return {
    insert({ id, sessionId, role, meta, parts, content, cachedUntil, status, createdAt }) {
      insertRow.run(
        id,
        sessionId,
        role,
        JSON.stringify(meta),
        JSON.stringify(parts),
        content.key,
        content.sha256,
        Math.floor(cachedUntil),
        status,
        createdAt,
      );
    },
    list: (sessionId, query) => page(query, sessionId).map(toMessage),
    all: (sessionId) =>
      page({ limit: 0, after: null, descending: false }, sessionId).map(toMessage),
    everywhere: () => everything.all().map(toMessage),
    forgetCache: () => void uncache.run(),
  };
}
