/** Sessions, and the index over what their configs contain. @module */

import type { DatabaseSync } from "node:sqlite";
import { integer, type Row, text, textOrNull } from "../columns.ts";
import { type JsonObject, readObject } from "../json.ts";
import { contains, leavesOf } from "../jsonb.ts";
import type { ListQuery } from "../list_query.ts";
import { NIL_UUID } from "../uuid.ts";
import { prepareKeyset } from "./keyset.ts";

export interface Session {
  id: string;
  projectId: string;
  userId: string | null;
  disableTaskTracking: boolean;
  configs: JsonObject | null;
  createdAt: number;
  updatedAt: number;
}

export interface SessionFilter {
  userId: string | null;
  configs: JsonObject | null;
}

export interface SessionStore {
  /**
   * Looks a session up in all projects. The nil UUID finds the first session of the whole database: the server's ORM
   * drops a zero key from the condition.
   */
  find(id: string): Session | null;
  insert(session: Session): void;
  setConfigs(id: string, configs: JsonObject | null, updatedAt: number): void;
  list(projectId: string, filter: SessionFilter, query: ListQuery): Session[];
  delete(id: string): void;
  all(): { session: Session; messages: number }[];
}

function toSession(row: Row): Session {
  const configs = textOrNull(row, "configs");
  return {
    id: text(row, "id"),
    projectId: text(row, "project_id"),
    userId: textOrNull(row, "user_id"),
    disableTaskTracking: integer(row, "disable_task_tracking") === 1,
    configs: configs === null ? null : readObject(configs),
    createdAt: integer(row, "created_at"),
    updatedAt: integer(row, "updated_at"),
  };
}

function serialize(configs: JsonObject | null): string | null {
  return configs === null ? null : JSON.stringify(configs);
}

export function createSessionStore(database: DatabaseSync): SessionStore {
  const byId = database.prepare("select * from sessions where id = ?");
  const first = database.prepare("select * from sessions order by id limit 1");
  const insertRow = database.prepare("insert into sessions values (?, ?, ?, ?, ?, ?, ?)");
  const insertLeaf = database.prepare("insert or ignore into config_leaves values (?, ?, ?)");
  const deleteLeaves = database.prepare("delete from config_leaves where session_id = ?");
  const countLeaf = database.prepare(
    "select count(*) as n from (select 1 from config_leaves where leaf = ? limit 100)",
  );
  const updateConfigs = database.prepare(
    "update sessions set configs = ?, updated_at = ? where id = ?",
  );
  const remove = database.prepare("delete from sessions where id = ?");
  const everything = database.prepare(`select s.*,
    (select count(*) from messages m where m.session_id = s.id) as messages
    from sessions s order by s.created_at, s.id`);
  const keyset = { select: "s.*", time: "s.created_at", id: "s.id" };
  const byProject = prepareKeyset(database, {
    ...keyset,
    from: "sessions s",
    where: "s.project_id = ?",
  });
  const byUser = prepareKeyset(database, {
    ...keyset,
    from: "sessions s",
    where: "s.project_id = ? and s.user_id = ?",
  });
  const byLeaf = prepareKeyset(database, {
    select: "s.*",
    time: "l.created_at",
    id: "l.session_id",
    from: "config_leaves l cross join sessions s on s.id = l.session_id",
    where: "s.project_id = ? and l.leaf = ?",
  });

  function index(id: string, configs: JsonObject | null, createdAt: number): void {
    for (const leaf of leavesOf(configs ?? {})) insertLeaf.run(leaf, createdAt, id);
  }

  /** The leaf of the filter that the fewest sessions have. */
  function rarestLeaf(filter: JsonObject): string | null {
    let best: { leaf: string; n: number } | null = null;
    for (const leaf of leavesOf(filter)) {
      const n = integer(countLeaf.get(leaf) ?? {}, "n");
      if (best === null || n < best.n) best = { leaf, n };
    }
    return best?.leaf ?? null;
  }

  function read(projectId: string, filter: SessionFilter, query: ListQuery): Session[] {
    const leaf = filter.configs === null ? null : rarestLeaf(filter.configs);
    if (leaf !== null) return byLeaf(query, projectId, leaf).map(toSession);
    if (filter.userId !== null) return byUser(query, projectId, filter.userId).map(toSession);
    return byProject(query, projectId).map(toSession);
  }

  function matches(session: Session, { userId, configs }: SessionFilter): boolean {
    if (userId !== null && session.userId !== userId) return false;
    return configs === null || (session.configs !== null && contains(session.configs, configs));
  }

  return {
    find(id) {
      const row = id === NIL_UUID ? first.get() : byId.get(id);
      return row === undefined ? null : toSession(row);
    },
    insert(session) {
      insertRow.run(
        session.id,
        session.projectId,
        session.userId,
        session.disableTaskTracking ? 1 : 0,
        serialize(session.configs),
        session.createdAt,
        session.updatedAt,
      );
      index(session.id, session.configs, session.createdAt);
    },
    setConfigs(id, configs, updatedAt) {
      updateConfigs.run(serialize(configs), updatedAt, id);
      deleteLeaves.run(id);
      const row = byId.get(id);
      if (row !== undefined) index(id, configs, integer(row, "created_at"));
    },
    list(projectId, filter, query) {
      const found: Session[] = [];
      let after = query.after;
      while (true) { // the index finds candidates; a page may need several reads
        const rows = read(projectId, filter, { ...query, after });
        found.push(...rows.filter((session) => matches(session, filter)));
        const last = rows.at(-1);
        if (last === undefined || rows.length <= query.limit || found.length > query.limit) break;
        after = { micros: last.createdAt, id: last.id };
      }
      return found.slice(0, query.limit + 1);
    },
    delete: (id) => void remove.run(id),
    all: () =>
      everything.all().map((row) => ({
        session: toSession(row),
        messages: integer(row, "messages"),
      })),
  };
}
