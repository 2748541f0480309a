/** The control interface within the process. @module */

import type { Audit, Content, Control, MarkedInput, Skill, SkillInput } from "./control.ts";
import { ageDatabase, emptyDatabase } from "./database.ts";
import type { FaultPlan } from "./fault_rules.ts";
import { isObject, type JsonObject } from "./json.ts";
import type { Version } from "./options.ts";
import type { State } from "./state.ts";

interface Parts {
  state: State;
  faults: FaultPlan;
  calls: Map<string, number>;
  setVersion(version: Version): void;
  /** The project new skills belong to. */
  projectId: string;
}

export function createControl({ state, faults, calls, setVersion, projectId }: Parts): Control {
  return {
    audit: () => takeAudit(state, calls),
    setFaults: (rules) => faults.set(rules),
    faults: () => faults.list(),
    clearFaults: () => faults.clear(),
    reset() {
      emptyDatabase(state.database);
      state.deletions.reset();
      state.connections.reset();
      Object.assign(state.storage, { down: false, latencyMs: 0 });
      faults.clear();
      calls.clear();
    },
    age: (seconds) => ageDatabase(state.database, Math.round(seconds * 1_000_000)),
    setVersion,
    content: () => takeStock(state),
    setStorage: (storage) => void Object.assign(state.storage, storage),
    setConnections: (count) => state.connections.setSize(count),
    loseMessage(id) {
      const message = state.messages.everywhere().find((known) => known.id === id);
      if (message !== undefined) state.objects.delete(message.content.key);
    },
    forgetCache: () => state.messages.forgetCache(),
    createSkill: (input = {}) => createSkill(state, projectId, input),
    createMarked: (input) => createMarked(state, projectId, input),
    createProject: (apiKey) => state.projects.ensure(apiKey),
  };
}

function createSkill(state: State, projectId: string, { name = "skill", user }: SkillInput): Skill {
  const userId = user === undefined ? null : state.users.getOrCreate(projectId, user);
  const disk = { id: state.uuid(), projectId, userId, createdAt: state.micros() };
  const id = state.uuid();
  state.disks.insertSkill({ id, name, disk });
  return { skillId: id, diskId: disk.id };
}

function createMarked(
  state: State,
  projectId: string,
  { namespace, sessions }: MarkedInput,
): void {
  state.database.exec("begin");
  try {
    for (const { id, diskId } of sessions) {
      const createdAt = state.micros();
      state.sessions.insert({
        id,
        projectId,
        userId: null,
        disableTaskTracking: false,
        configs: { acontext_sessions: { namespace, session_id: id } },
        createdAt,
        updatedAt: createdAt,
      });
      const userId = state.users.getOrCreate(projectId, `${namespace}:${id}`);
      state.disks.insert({ id: diskId, projectId, userId, createdAt: state.micros() });
    }
    state.database.exec("commit");
  } catch (error) {
    state.database.exec("rollback");
    throw error;
  }
}

function takeStock(state: State): Content {
  const uses = state.artifacts.uses();
  for (const { sessionId: of, content, parts } of state.messages.everywhere()) {
    uses.push({ key: content.key, of });
    for (const { asset } of parts) if (asset !== undefined) uses.push({ key: asset.s3_key, of });
  }
  const objects = state.objects.keys();
  const there = new Set(objects);
  const used = new Set(uses.map(({ key }) => key));
  return {
    objects,
    leaks: objects.filter((key) => !used.has(key)),
    losses: uses.filter(({ key }) => !there.has(key)),
  };
}

function takeAudit(state: State, calls: Map<string, number>): Audit {
  return {
    sessions: state.sessions.all().map(({ session, messages }) => ({
      id: session.id,
      ...markOf(session.configs),
      messages,
    })),
    disks: state.disks.all(),
    users: state.users.identifiers(),
    objects: state.objects.keys().length,
    overlappingDeletes: state.deletions.overlapping(),
    calls: Object.fromEntries(calls),
  };
}

function markOf(configs: JsonObject | null) {
  const mark = configs?.["acontext_sessions"];
  const { namespace, session_id } = isObject(mark) ? mark : {};
  return {
    namespace: typeof namespace === "string" ? namespace : null,
    sessionId: typeof session_id === "string" ? session_id : null,
  };
}
