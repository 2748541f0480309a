/** Disks, and the agent skills that own some of them. @module */

import type { DatabaseSync } from "node:sqlite";
import { integer, type Row, text, textOrNull } from "../columns.ts";
import type { ListQuery } from "../list_query.ts";
import { prepareKeyset } from "./keyset.ts";

export interface Disk {
  id: string;
  projectId: string;
  userId: string | null;
  createdAt: number;
}

export interface AuditedDisk {
  id: string;
  label: string | null;
  skill: boolean;
  artifacts: number;
}

export interface DiskStore {
  /** Finds a disk of this project: a foreign one is as good as missing. */
  find(projectId: string, id: string): Disk | null;
  insert(disk: Disk): void;
  /** Lists the disks of agent skills, too. */
  list(projectId: string, userId: string | null, query: ListQuery): Disk[];
  /** Deletes the row; artifacts and the skill that owns the disk go with it. */
  delete(id: string): void;
  insertSkill(skill: { id: string; name: string; disk: Disk }): void;
  all(): AuditedDisk[];
}

function toDisk(row: Row): Disk {
  return {
    id: text(row, "id"),
    projectId: text(row, "project_id"),
    userId: textOrNull(row, "user_id"),
    createdAt: integer(row, "created_at"),
  };
}

export function createDiskStore(database: DatabaseSync): DiskStore {
  const byId = database.prepare("select * from disks where id = ? and project_id = ?");
  const insertRow = database.prepare("insert into disks values (?, ?, ?, ?)");
  const insertSkillRow = database.prepare("insert into skills values (?, ?, ?, ?, ?, ?)");
  const remove = database.prepare("delete from disks where id = ?");
  const everything = database.prepare(`select d.id, u.identifier as label,
      exists (select 1 from skills s where s.disk_id = d.id) as skill,
      (select count(*) from artifacts a where a.disk_id = d.id) as artifacts
    from disks d left join users u on u.id = d.user_id order by d.created_at, d.id`);
  const keyset = { select: "*", from: "disks", time: "created_at", id: "id" };
  const byProject = prepareKeyset(database, { ...keyset, where: "project_id = ?" });
  const byUser = prepareKeyset(database, { ...keyset, where: "project_id = ? and user_id = ?" });

  function insert({ id, projectId, userId, createdAt }: Disk): void {
    insertRow.run(id, projectId, userId, createdAt);
  }
  return {
    find(projectId, id) {
      const row = byId.get(id, projectId);
      return row === undefined ? null : toDisk(row);
    },
    insert,
    list(projectId, userId, query) {
      const rows = userId === null ? byProject(query, projectId) : byUser(query, projectId, userId);
      return rows.map(toDisk);
    },
    delete: (id) => void remove.run(id),
    insertSkill({ id, name, disk }) {
      insert(disk);
      insertSkillRow.run(id, disk.projectId, disk.userId, disk.id, name, disk.createdAt);
    },
    all: () =>
      everything.all().map((row) => ({
        id: text(row, "id"),
        label: textOrNull(row, "label"),
        skill: integer(row, "skill") === 1,
        artifacts: integer(row, "artifacts"),
      })),
  };
}
