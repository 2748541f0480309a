/** The object storage: content by key, and public links to it. Who uses what is counted in `references.ts`. @module */

import { createHash } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import { bytes, integer, type Row, text } from "../columns.ts";

export interface StoredObject {
  mime: string;
  data: Uint8Array<ArrayBuffer>;
}

export interface PutObject extends StoredObject {
  projectId: string;
  /** What it belongs to: the parts of a message, an attachment, a file on a disk. */
  folder: "parts" | "assets" | "disks";
  extension: string;
  /** Milliseconds since 1970: the day is part of the key. */
  now: number;
}

/** Content as it is named: by the hash of its bytes, and where it is. */
export interface Asset {
  key: string;
  sha256: string;
}

export interface ObjectStore {
  /** The name of content, stored or not. */
  nameOf(object: PutObject): Asset;
  put(key: string, object: StoredObject): void;
  get(key: string): StoredObject | null;
  has(key: string): boolean;
  delete(key: string): void;
  /** The key under which a folder has this content, whatever the day and the extension; null when it has not. */
  find(folder: PutObject["folder"], projectId: string, sha256: string): string | null;
  keys(): string[];
  /** Makes a public link. @param expiresAt milliseconds since 1970. */
  link(key: string, expiresAt: number): string;
  linked(token: string): { key: string; expiresAt: number } | null;
}

export function createObjectStore(database: DatabaseSync, uuid: () => string): ObjectStore {
  const insert = database.prepare("insert or ignore into objects values (?, ?, ?)");
  const read = database.prepare("select mime, data from objects where key = ?");
  const exists = database.prepare("select 1 from objects where key = ?");
  const remove = database.prepare("delete from objects where key = ?");
  const all = database.prepare("select key from objects order by key");
  const search = database.prepare("select key from objects where key like ? order by key limit 1");
  const insertLink = database.prepare("insert or replace into materials values (?, ?, ?)");
  const readLink = database.prepare("select * from materials where token = ?");

  function toObject(row: Row): StoredObject {
    return { mime: text(row, "mime"), data: bytes(row, "data") };
  }
  return {
    nameOf({ projectId, folder, extension, data, now }) {
      const sha256 = createHash("sha256").update(data).digest("hex");
      const day = new Date(now).toISOString().slice(0, 10).replaceAll("-", "/");
      return { key: `${folder}/${projectId}/${day}/${sha256}${extension}`, sha256 };
    },
    put: (key, { mime, data }) => void insert.run(key, mime, data),
    get(key) {
      const row = read.get(key);
      return row === undefined ? null : toObject(row);
    },
    has: (key) => exists.get(key) !== undefined,
    delete: (key) => void remove.run(key),
    find(folder, projectId, sha256) {
      const row = search.get(`${folder}/${projectId}/%${sha256}%`);
      return row === undefined ? null : text(row, "key");
    },
    keys: () => all.all().map((row) => text(row, "key")),
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
