/**
 * Brings a state file of an earlier version up to date: `pragma user_version` says which version made it.
 *
 * - 0: new, or of version 0.1.0, which counted references on the objects and did not store what messages say as objects.
 * - 1: this one.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import { integer, type Row, text } from "./columns.ts";
import { readParts } from "./messages/part.ts";

const VERSION = 1;

/**
 * To be called before the tables are made.
 *
 * @throws when a later version made the file.
 */
export function upgrade(database: DatabaseSync): void {
  const version = integer(database.prepare("pragma user_version").get() ?? {}, "user_version");
  if (version > VERSION) {
    throw new Error(
      `Cannot read the state of the Acontext stand-in: it has version ${version}, this program ` +
        `knows ${VERSION}. Run \`npm start -- --reset\` to start over`,
    );
  }
  if (version === 0 && hasColumn(database, "objects", "refs")) fromFirst(database);
  database.exec(`pragma user_version = ${VERSION}`);
}

function hasColumn(database: DatabaseSync, table: string, column: string): boolean {
  return database.prepare(`pragma table_info (${table})`).all()
    .some((row) => text(row, "name") === column);
}

function fromFirst(database: DatabaseSync): void {
  database.exec(`
    begin;
    alter table objects drop column refs;
    alter table artifacts rename to old_artifacts;
    alter table messages rename to old_messages;
    drop index messages_by_time;
    create table artifacts (
      disk_id text not null references disks on delete cascade,
      path text not null,
      filename text not null,
      object_key text not null,
      sha256 text not null,
      mime text not null,
      size integer not null,
      meta text not null,
      created_at integer not null,
      updated_at integer not null,
      primary key (disk_id, path, filename)
    ) without rowid;
    create table messages (
      id text primary key,
      session_id text not null references sessions on delete cascade,
      role text not null,
      meta text not null,
      parts text not null,
      parts_key text not null,
      parts_sha256 text not null,
      cached_until integer not null,
      status text not null,
      created_at integer not null
    );
    create table refs (
      project_id text not null,
      sha256 text not null,
      key text not null,
      count integer not null,
      primary key (project_id, sha256)
    ) without rowid;
  `);
  const count = database.prepare(`insert into refs values (?, ?, ?, 1)
    on conflict (project_id, sha256) do update set count = count + 1`);
  upgradeArtifacts(database, (...use) => void count.run(...use));
  upgradeMessages(database, (...use) => void count.run(...use));
  database.exec("drop table old_artifacts; drop table old_messages; commit");
}

type Count = (projectId: string, sha256: string, key: string) => void;

function upgradeArtifacts(database: DatabaseSync, count: Count): void {
  const insert = database.prepare(`insert into artifacts
    select disk_id, path, filename, object_key, ?, mime, size, meta, created_at, updated_at
    from old_artifacts where disk_id = ? and path = ? and filename = ?`);
  const old = database.prepare(
    "select a.*, d.project_id from old_artifacts a join disks d on d.id = a.disk_id",
  );
  for (const row of old.all()) {
    const key = text(row, "object_key");
    const sha256 = hashIn(key);
    insert.run(sha256, text(row, "disk_id"), text(row, "path"), text(row, "filename"));
    count(text(row, "project_id"), sha256, key);
  }
}

function upgradeMessages(database: DatabaseSync, count: Count): void {
  const insert = database.prepare(`insert into messages
    select id, session_id, role, meta, parts, ?, ?, 0, status, created_at
    from old_messages where id = ?`);
  const put = database.prepare("insert or ignore into objects (key, mime, data) values (?, ?, ?)");
  const old = database.prepare(
    "select m.*, s.project_id from old_messages m join sessions s on s.id = m.session_id",
  );
  for (const row of old.all()) {
    const project = text(row, "project_id");
    const said = new TextEncoder().encode(text(row, "parts"));
    const sha256 = createHash("sha256").update(said).digest("hex");
    const key = `parts/${project}/${dayOf(row)}/${sha256}.json`;
    put.run(key, "application/json", said);
    insert.run(key, sha256, text(row, "id"));
    count(project, sha256, key);
    for (const { asset } of readParts(JSON.parse(text(row, "parts")))) {
      if (asset !== undefined) count(project, asset.sha256, asset.s3_key);
    }
  }
}

/** Keys were `assets/<project>/<hash><extension>`. */
function hashIn(key: string): string {
  return /\/([0-9a-f]{64})[^/]*$/.exec(key)?.[1] ?? "";
}

function dayOf(row: Row): string {
  const millis = Math.floor(integer(row, "created_at") / 1000);
  return new Date(millis).toISOString().slice(0, 10).replaceAll("-", "/");
}
