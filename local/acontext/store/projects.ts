/** Projects: an id and an API key. @module */

import type { DatabaseSync } from "node:sqlite";
import { text } from "../columns.ts";

export interface ProjectStore {
  /** The id of the project with this key. */
  byKey(apiKey: string): string | null;
  /** Makes a project, or finds the one that has the key. */
  ensure(apiKey: string): string;
}

export function createProjectStore(database: DatabaseSync, uuid: () => string): ProjectStore {
  const known = new Map<string, string>();
  for (const row of database.prepare("select id, api_key from projects").all()) {
    known.set(text(row, "api_key"), text(row, "id"));
  }
  const insert = database.prepare("insert into projects (id, api_key) values (?, ?)");
  return {
    byKey: (apiKey) => known.get(apiKey) ?? null,
    ensure(apiKey) {
      const existing = known.get(apiKey);
      if (existing !== undefined) return existing;
      const id = uuid();
      insert.run(id, apiKey);
      known.set(apiKey, id);
      return id;
    },
  };
}
