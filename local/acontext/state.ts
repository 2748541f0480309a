/** Everything the routes work on. @module */

import type { DatabaseSync } from "node:sqlite";
import type { Connections } from "./connections.ts";
import type { DeletionLog } from "./deletion_log.ts";
import type { Abilities } from "./options.ts";
import type { ArtifactStore } from "./store/artifacts.ts";
import type { DiskStore } from "./store/disks.ts";
import type { MessageStore } from "./store/messages.ts";
import type { ObjectStore } from "./store/objects.ts";
import type { ProjectStore } from "./store/projects.ts";
import type { ReferenceStore } from "./store/references.ts";
import type { SessionStore } from "./store/sessions.ts";
import type { UserStore } from "./store/users.ts";

export interface State {
  database: DatabaseSync;
  projects: ProjectStore;
  users: UserStore;
  sessions: SessionStore;
  messages: MessageStore;
  disks: DiskStore;
  artifacts: ArtifactStore;
  objects: ObjectStore;
  references: ReferenceStore;
  /** How the object storage fares. */
  storage: { down: boolean; latencyMs: number };
  deletions: DeletionLog;
  connections: Connections;
  abilities(): Abilities;
  uuid(): string;
  /** Wall-clock milliseconds. */
  now(): number;
  /** Strictly increasing microseconds, for timestamps. */
  micros(): number;
  sleep(ms: number): Promise<void>;
}

/** One request, routed and authorised. */
export interface Call {
  request: Request;
  url: URL;
  /** The variable part of the path, decoded; empty when the route has none. */
  param: string;
  projectId: string;
  /** Steps of work after which the server dies; absent when it lives. */
  diesAfter?: number;
}
