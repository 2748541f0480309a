/**
 * Puts the parts together, once per worker: the only place that holds the database client with all rights.
 *
 * @module
 */
import { createAdminClient } from "@supabase/server/core";
import { createAcontext } from "./acontext.ts";
import { createCatalog } from "./acontext_catalog.ts";
import { createFiles } from "./acontext_files.ts";
import { createConversations } from "./acontext_conversations.ts";
import { systemClock, systemRandomness } from "./clock.ts";
import type { Conversations, ConversationStore } from "./core/conversation_ports.ts";
import type { Acontext, Clock, Log, Randomness, Store } from "./core/ports.ts";
import type { Files } from "./core/file_ports.ts";
import type { Catalog, ReconcileStore } from "./core/reconcile_ports.ts";
import type { HealthFacts } from "./core/health_facts.ts";
import type { Database } from "./database.types.ts";
import { type Env, readEnv } from "./env.ts";
import { createLog } from "./log.ts";
import { createHealthReader } from "./store_health.ts";
import { createStore } from "./store.ts";
import { createConversationStore } from "./store_conversations.ts";
import { createReconcileStore } from "./store_reconcile.ts";

export interface Deps {
  store: Store;
  acontext: Acontext;
  reconcileStore: ReconcileStore;
  catalog: Catalog;
  readHealth: () => Promise<HealthFacts>;
  sessions: ConversationStore;
  conversations: Conversations;
  files: Files;
  clock: Clock;
  random: Randomness;
  log: Log;
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
  const supabaseAdmin = createAdminClient<Database>({
    env: env.supabase,
    supabaseOptions: { global: { fetch: fetchInTime } },
  });
  const acontext = { ...env.acontext, namespace: env.namespace };
  return {
    store: createStore(supabaseAdmin),
    acontext: createAcontext(acontext),
    reconcileStore: createReconcileStore(supabaseAdmin),
    catalog: createCatalog(acontext),
    readHealth: createHealthReader(supabaseAdmin),
    sessions: createConversationStore(supabaseAdmin),
    conversations: createConversations(acontext),
    files: createFiles(acontext),
    clock: systemClock,
    random: systemRandomness,
    log,
  };
}

function fetchInTime(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  return fetch(input, {
    ...init,
    signal: init?.signal ?? AbortSignal.timeout(DATABASE_TIMEOUT_MS),
  });
}
