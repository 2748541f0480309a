/** The stand-in's own SQLite database. @module */

import { DatabaseSync } from "node:sqlite";
import { upgrade } from "./upgrade.ts";

const TABLES = [
  "materials",
  "refs",
  "pending_refs",
  "artifacts",
  "objects",
  "messages",
  "config_leaves",
  "sessions",
  "skills",
  "disks",
  "users",
];

const SCHEMA = `
  create table if not exists projects (
    id text primary key,
    api_key text not null unique
  ) without rowid;

  create table if not exists users (
    id text primary key,
    project_id text not null,
    identifier text not null,
    created_at integer not null,
    unique (project_id, identifier)
  ) without rowid;
  create index if not exists users_by_time on users (project_id, created_at, id);

  create table if not exists sessions (
    id text primary key,
    project_id text not null,
    user_id text references users on delete cascade,
    disable_task_tracking integer not null,
    configs text,
    created_at integer not null,
    updated_at integer not null
  ) without rowid;
  create index if not exists sessions_by_time on sessions (project_id, created_at, id);
  create index if not exists sessions_by_user on sessions (user_id, created_at, id);

  create table if not exists config_leaves (
    leaf text not null,
    created_at integer not null,
    session_id text not null references sessions on delete cascade,
    primary key (leaf, created_at, session_id)
  ) without rowid;
  create index if not exists config_leaves_by_session on config_leaves (session_id);

  create table if not exists messages (
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
  create index if not exists messages_by_time on messages (session_id, created_at, id);

  create table if not exists disks (
    id text primary key,
    project_id text not null,
    user_id text references users on delete cascade,
    created_at integer not null
  ) without rowid;
  create index if not exists disks_by_time on disks (project_id, created_at, id);
  create index if not exists disks_by_user on disks (user_id, created_at, id);

  create table if not exists skills (
    id text primary key,
    project_id text not null,
    user_id text references users on delete cascade,
    disk_id text not null references disks on delete cascade,
    name text not null,
    created_at integer not null
  ) without rowid;
  create index if not exists skills_by_disk on skills (disk_id);
  create index if not exists skills_by_user on skills (user_id);

  create table if not exists objects (
    key text primary key,
    mime text not null,
    data blob not null
  );

  create table if not exists refs (
    project_id text not null,
    sha256 text not null,
    key text not null,
    count integer not null,
    primary key (project_id, sha256)
  ) without rowid;

  create table if not exists pending_refs (
    project_id text not null,
    sha256 text not null,
    key text not null,
    at integer not null
  );

  create table if not exists artifacts (
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

  create table if not exists materials (
    token text primary key,
    object_key text not null,
    expires_at integer not null
  ) without rowid;
`;

/**
 * Opens the state, making it when it is new and bringing it up to date when it is old. What it holds may be lost with the
 * machine, not with the process.
 *
 * @throws when a later version made it.
 */
export function openDatabase(file: string): DatabaseSync {
  const database = new DatabaseSync(file);
  // Not before the upgrade, which renames tables that others refer to.
  database.exec("pragma journal_mode = wal; pragma synchronous = off; pragma foreign_keys = off;");
  try {
    upgrade(database);
  } catch (error) {
    database.close();
    throw error;
  }
  database.exec("pragma foreign_keys = on;");
  database.exec(SCHEMA);
  return database;
}

/** Makes everything look as if it had been made this much earlier. */
export function ageDatabase(database: DatabaseSync, micros: number): void {
  const dated = ["users", "sessions", "config_leaves", "messages", "disks", "skills", "artifacts"];
  for (const table of dated) {
    database.prepare(`update ${table} set created_at = created_at - ?`).run(micros);
  }
}

/** Forgets everything but the projects. */
export function emptyDatabase(database: DatabaseSync): void {
  database.exec(TABLES.map((table) => `delete from ${table};`).join("\n"));
}
