/**
 * Puts the parts together, once per worker: the only place that holds the database client with all rights.
 *
 * @module
 */
import { createAdminClient } from "@supabase/server/core";
import { createCatalog } from "./acontext/catalog.ts";
import { createFiles } from "./acontext/files.ts";
import { createResources } from "./acontext/resources.ts";
import type { DeleteLimits } from "./core/cleanup/delete_limits.ts";
import type { CalledRuns, CleanupStore } from "./core/cleanup/ports.ts";
import type { Files } from "./core/files/ports.ts";
import type { HealthFacts } from "./core/health/facts.ts";
import type { MessageStore } from "./core/messages/ports.ts";
import type { Background, Clock, Log, Randomness } from "./core/ports.ts";
import type { Catalog, ReconcileStore } from "./core/reconcile/ports.ts";
import type { RemoteResources } from "./core/resources.ts";
import type { SessionStore } from "./core/sessions/ports.ts";
import { createCalledRuns } from "./database/called_runs.ts";
import { createCleanupStore } from "./database/cleanup.ts";
import type { Database } from "./database/database.types.ts";
import type { DatabaseClient } from "./database/functions.ts";
import { createHealthReader } from "./database/health.ts";
import { createMessageStore } from "./database/messages.ts";
import { createReconcileStore } from "./database/reconcile.ts";
import { createSessionStore } from "./database/sessions.ts";
import { runInBackground, workerLife } from "./runtime/background.ts";
import { systemClock, systemRandomness } from "./runtime/clock.ts";
import { type Env, readEnv } from "./runtime/env.ts";
import { createLog } from "./runtime/log.ts";

export interface Deps {
  store: SessionStore;
  cleanupStore: CleanupStore;
  calledRuns: CalledRuns;
  acontext: RemoteResources;
  reconcileStore: ReconcileStore;
  catalog: Catalog;
  readHealth: () => Promise<HealthFacts>;
  sessions: MessageStore;
  files: Files;
  clock: Clock;
  random: Randomness;
  log: Log;
  deletes: DeleteLimits;
  background: Background;
}

/** Longer than the database's own limit for a statement (8 s), so that only a dead connection meets it. */
const DATABASE_TIMEOUT_MS = 15_000;

/** The log of the function `name`, and its parts, made when they are first asked for. */
export function wire(name: string): { log: Log; deps: () => Deps; env: () => Env } {
  const log = createLog({ name });
  let made: Deps | undefined;
  return { log, env: readEnv, deps: () => made ??= assemble(readEnv(), log) };
}

function assemble(env: Env, log: Log): Deps {
  const supabaseAdmin: DatabaseClient = createAdminClient<Database>({
    env: env.supabase,
    supabaseOptions: { global: { fetch: fetchInTime } },
  });
  const acontext = { ...env.acontext, namespace: env.namespace };
  return {
    store: createSessionStore(supabaseAdmin),
    cleanupStore: createCleanupStore(supabaseAdmin),
    calledRuns: createCalledRuns(supabaseAdmin),
    acontext: createResources(acontext),
    reconcileStore: createReconcileStore(supabaseAdmin),
    catalog: createCatalog(acontext),
    readHealth: createHealthReader(supabaseAdmin),
    sessions: createMessageStore(supabaseAdmin),
    files: createFiles(acontext),
    clock: systemClock,
    random: systemRandomness,
    log,
    deletes: {
      timeoutMs: env.deleteTimeoutMs,
      worker: () => workerLife(env.worker),
    },
    background: runInBackground,
  };
}

function fetchInTime(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  return fetch(input, {
    ...init,
    signal: init?.signal ?? AbortSignal.timeout(DATABASE_TIMEOUT_MS),
  });
}
