/** Messages, as stored parts. @module */

import type { DatabaseSync } from "node:sqlite";
import { integer, type Row, text } from "../columns.ts";
import { type JsonObject, parseJson, readObject } from "../json.ts";
import type { ListQuery } from "../list_query.ts";
import { type Part, readParts } from "../messages/part.ts";
import { prepareKeyset } from "./keyset.ts";

export interface Message {
  id: string;
  sessionId: string;
  role: string;
  meta: JsonObject;
  parts: Part[];
  /** How far the server has got with learning from it. */
  status: "pending" | "disable_tracking";
  createdAt: number;
}

export interface MessageStore {
  insert(message: Message): void;
  list(sessionId: string, query: ListQuery): Message[];
  all(sessionId: string): Message[];
  /** One key for each time a part of the session's messages names a stored object. */
  objectKeys(sessionId: string): string[];
}

function toMessage(row: Row): Message {
  const parts = parseJson(text(row, "parts"));
  return {
    id: text(row, "id"),
    sessionId: text(row, "session_id"),
    role: text(row, "role"),
    meta: readObject(text(row, "meta")),
    parts: readParts(parts.ok ? parts.value : []),
    status: text(row, "status") === "pending" ? "pending" : "disable_tracking",
    createdAt: integer(row, "created_at"),
  };
}

export function createMessageStore(database: DatabaseSync): MessageStore {
  const insertRow = database.prepare("insert into messages values (?, ?, ?, ?, ?, ?, ?)");
  const withObjects = database.prepare(
    "select * from messages where session_id = ? and parts like '%\"s3_key\"%'",
  );
  const page = prepareKeyset(database, {
    select: "*",
    from: "messages",
    where: "session_id = ?",
    time: "created_at",
    id: "id",
  });
  return {
    insert({ id, sessionId, role, meta, parts, status, createdAt }) {
      const [metaJson, partsJson] = [JSON.stringify(meta), JSON.stringify(parts)];
      insertRow.run(id, sessionId, role, metaJson, partsJson, status, createdAt);
    },
    list: (sessionId, query) => page(query, sessionId).map(toMessage),
    all: (sessionId) =>
      page({ limit: 0, after: null, descending: false }, sessionId).map(toMessage),
    objectKeys: (sessionId) =>
      withObjects.all(sessionId).map(toMessage).flatMap(({ parts }) =>
        parts.flatMap(({ asset }) => asset === undefined ? [] : [asset.s3_key])
      ),
  };
}
