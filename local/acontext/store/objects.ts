/** Stored objects (files), kept once per content and counted by reference; and public links to them. @module */

import { createHash } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import { bytes, integer, type Row, text } from "../columns.ts";

export interface StoredObject {
  mime: string;
  data: Uint8Array<ArrayBuffer>;
}

export interface PutObject extends StoredObject {
  projectId: string;
  extension: string;
}

export interface PutResult {
  key: string;
  sha256: string;
}

export interface ObjectStore {
  /** Stores content, or adds a reference to the same content. */
  put(object: PutObject): PutResult;
  get(key: string): StoredObject | null;
  /** Takes one reference off each key; what nobody refers to any more is deleted. */
  release(keys: readonly string[]): void;
  count(): number;
  /** Makes a public link. @param expiresAt milliseconds since 1970. */
  link(key: string, expiresAt: number): string;
  linked(token: string): { key: string; expiresAt: number } | null;
}

export function createObjectStore(database: DatabaseSync, uuid: () => string): ObjectStore {
  const insert = database.prepare(`insert into objects (key, mime, refs, data) values (?, ?, 1, ?)
    on conflict (key) do update set refs = refs + 1`);
  const read = database.prepare("select mime, data from objects where key = ?");
  const release = database.prepare("update objects set refs = refs - 1 where key = ?");
  const sweep = database.prepare("delete from objects where key = ? and refs <= 0");
  const count = database.prepare("select count(*) as n from objects");
  const insertLink = database.prepare("insert or replace into materials values (?, ?, ?)");
  const readLink = database.prepare("select * from materials where token = ?");

  function toObject(row: Row): StoredObject {
    return { mime: text(row, "mime"), data: bytes(row, "data") };
  }
  return {
    put({ projectId, extension, mime, data }) {
      const sha256 = createHash("sha256").update(data).digest("hex");
      const key = `assets/${projectId}/${sha256}${extension}`;
      insert.run(key, mime, data);
      return { key, sha256 };
    },
    get(key) {
      const row = read.get(key);
      return row === undefined ? null : toObject(row);
    },
    release(keys) {
      for (const key of keys) {
        release.run(key);
        sweep.run(key);
      }
    },
    count: () => integer(count.get() ?? {}, "n"),
    link(key, expiresAt) {
      const token = createHash("sha256").update(`${uuid()} ${key}`).digest("hex");
      insertLink.run(token, key, Math.floor(expiresAt));
      return token;
    },
    linked(token) {
      const row = readLink.get(token);
      if (row === undefined) return null;
      return { key: text(row, "object_key"), expiresAt: integer(row, "expires_at") };
    },
  };
}
