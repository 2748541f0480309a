/** Users: free labels that own sessions, disks and skills. @module */

import type { DatabaseSync } from "node:sqlite";
import { integer, type Row, text } from "../columns.ts";
import type { ListQuery } from "../list_query.ts";
import { prepareKeyset } from "./keyset.ts";

export interface User {
  id: string;
  projectId: string;
  identifier: string;
  createdAt: number;
}

export interface ResourceCounts {
  sessions_count: number;
  disks_count: number;
  skills_count: number;
}

export interface UserStore {
  find(projectId: string, identifier: string): string | null;
  getOrCreate(projectId: string, identifier: string): string;
  list(projectId: string, query: ListQuery): User[];
  /** Cascades to sessions, disks and skills by foreign key alone: stored objects stay behind. */
  delete(projectId: string, identifier: string): void;
  counts(userId: string): ResourceCounts;
  identifiers(): string[];
}

function toUser(row: Row): User {
  return {
    id: text(row, "id"),
    projectId: text(row, "project_id"),
    identifier: text(row, "identifier"),
    createdAt: integer(row, "created_at"),
  };
}

export function createUserStore(
  database: DatabaseSync,
  { uuid, micros }: { uuid: () => string; micros: () => number },
): UserStore {
  const byName = database.prepare("select id from users where project_id = ? and identifier = ?");
  const insert = database.prepare(
    "insert into users (id, project_id, identifier, created_at) values (?, ?, ?, ?)",
  );
  const remove = database.prepare("delete from users where project_id = ? and identifier = ?");
  const count = database.prepare(`select
    (select count(*) from sessions where user_id = ?1) as sessions,
    (select count(*) from disks where user_id = ?1) as disks,
    (select count(*) from skills where user_id = ?1) as skills`);
  const names = database.prepare("select identifier from users order by created_at, id");
  const page = prepareKeyset(database, {
    select: "*",
    from: "users",
    where: "project_id = ?",
    time: "created_at",
    id: "id",
  });

  function find(projectId: string, identifier: string): string | null {
    const row = byName.get(projectId, identifier);
    return row === undefined ? null : text(row, "id");
  }
  return {
    find,
    getOrCreate(projectId, identifier) {
      const existing = find(projectId, identifier);
      if (existing !== null) return existing;
      const id = uuid();
      insert.run(id, projectId, identifier, micros());
      return id;
    },
    list: (projectId, query) => page(query, projectId).map(toUser),
    delete: (projectId, identifier) => void remove.run(projectId, identifier),
    counts(userId) {
      const row = count.get(userId) ?? {};
      return {
        sessions_count: integer(row, "sessions"),
        disks_count: integer(row, "disks"),
        skills_count: integer(row, "skills"),
      };
    },
    identifiers: () => names.all().map((row) => text(row, "identifier")),
  };
}
