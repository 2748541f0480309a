/**
 * How many messages and files use a content: one row for each hash in a project, whatever its key.
 *
 * Those of messages are collected first and counted by a flusher, once a second: until then a count-down does not find
 * them. Those of files are counted at once.
 *
 * @module
 */

import type { DatabaseSync } from "node:sqlite";
import { integer, text } from "../columns.ts";
import type { Asset } from "./objects.ts";

export interface Reference {
  key: string;
  count: number;
}

export interface ReferenceStore {
  add(projectId: string, asset: Asset): void;
  /** Counted with the next flush. */
  addLater(projectId: string, assets: readonly Asset[]): void;
  find(projectId: string, sha256: string): Reference | null;
  subtract(projectId: string, sha256: string, uses: number): void;
  delete(projectId: string, sha256: string): void;
}

/** @param now Milliseconds. The flusher runs at each full second, looked at when somebody looks at the counts. */
export function createReferenceStore(database: DatabaseSync, now: () => number): ReferenceStore {
  const upsert = database.prepare(`insert into refs values (?, ?, ?, ?)
    on conflict (project_id, sha256) do update set count = count + excluded.count`);
  const read = database.prepare("select key, count from refs where project_id = ? and sha256 = ?");
  const update = database.prepare(
    "update refs set count = count - ? where project_id = ? and sha256 = ?",
  );
  const remove = database.prepare("delete from refs where project_id = ? and sha256 = ?");
  const collect = database.prepare("insert into pending_refs values (?, ?, ?, ?)");
  const due = database.prepare("select * from pending_refs where at < ?");
  const forget = database.prepare("delete from pending_refs where at < ?");

  function flush(): void {
    const tick = Math.floor(now() / 1000) * 1000;
    const rows = due.all(tick);
    if (rows.length === 0) return;
    for (const row of rows) {
      upsert.run(text(row, "project_id"), text(row, "sha256"), text(row, "key"), 1);
    }
    forget.run(tick);
  }
  return {
    add(projectId, { key, sha256 }) {
      flush();
      upsert.run(projectId, sha256, key, 1);
    },
    addLater(projectId, assets) {
      flush();
      for (const { key, sha256 } of assets) {
        collect.run(projectId, sha256, key, Math.floor(now()));
      }
    },
    find(projectId, sha256) {
      flush();
      const row = read.get(projectId, sha256);
      return row === undefined ? null : { key: text(row, "key"), count: integer(row, "count") };
    },
    subtract: (projectId, sha256, uses) => void update.run(uses, projectId, sha256),
    delete: (projectId, sha256) => void remove.run(projectId, sha256),
  };
}
