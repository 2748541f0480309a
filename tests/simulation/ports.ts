/** The ports of a process: the real adapter and the real store, on the simulation's network and database. @module */

import type { SupabaseClient } from "@supabase/supabase-js";
import type { Log } from "../../supabase/functions/_acontext_sessions/core/ports.ts";
import type { Database as Schema } from "../../supabase/functions/_acontext_sessions/database/database.types.ts";
import type { Result } from "./database.ts";
import type { Process, Trip } from "./process.ts";
import { DELETE_TIMEOUT_MS, TIMEOUT_MS } from "./remote.ts";
import { drawLatency } from "./weather.ts";
import type { World } from "./world.ts";

/** Real timers never fire: requests are given up by virtual time. */
const NEVER_MS = 2_147_483_647;
const LIFETIME_MS = 150_000;
/** What supabase-js answers when the database cannot be reached. */
const UNREACHABLE: Result = { data: null, error: { code: "" } };

export function portsOf(world: World, process: Process) {
  const { system, remote } = world;
  const acontext = {
    ...remote.adapterOptions,
    timeoutMs: NEVER_MS,
    fetch: remote.fetchOf(process),
    timeout: (ms: number) => virtualTimeout(process, ms),
  };
  const client = clientOf(world, process);
  return {
    acontext: { ...system.createResources(acontext), timeoutMs: TIMEOUT_MS },
    catalog: system.createCatalog(acontext),
    store: { ...system.createSessionStore(client), ...system.createCleanupStore(client) },
    sessions: system.createMessageStore(client),
    messages: system.createMessages(acontext),
    files: system.createFiles(acontext),
    reconcileStore: system.createReconcileStore(client),
    deletes: {
      timeoutMs: DELETE_TIMEOUT_MS,
      worker: () => ({
        endsAt: process.clock.now() + LIFETIME_MS,
        totalMs: LIFETIME_MS,
        shutdown: process.shutdown.signal,
      }),
    },
    background: (work: Promise<void>) => void work,
    clock: process.clock,
    random: { uuid: () => process.random.uuid() },
    log: logOf(world, process),
  };
}

/** Aborted by virtual time, unless its process is gone. */
function virtualTimeout(process: Process, ms: number): AbortSignal {
  const timeout = new AbortController();
  if (ms < NEVER_MS) process.scheduler.after(ms, () => timeout.abort(), process);
  return timeout.signal;
}

/** As much of a client as the stores use. */
function clientOf(world: World, process: Process): SupabaseClient<Schema> {
  const client = {
    rpc: (name: string, args: Record<string, unknown>) => callFrom(world, process, name, args),
  };
  return client as unknown as SupabaseClient<Schema>;
}

/** There, done, and back: the transaction may be lost on either way. */
function callFrom(
  world: World,
  process: Process,
  name: string,
  args: Record<string, unknown>,
): Promise<Result> {
  const { scheduler } = world;
  const { random } = process;
  if (name === "acontext_begin_session" && typeof args["p_session_id"] === "string") {
    process.sessionId = args["p_session_id"];
    process.leaseId = String(args["p_lease_id"]);
  }
  const fails = random.chance(world.remote.weather.database);
  const before = fails && random.chance(0.5);
  if (fails) {
    world.faults += 1;
    process.excuse ??= "database error";
  }
  const trip: Trip = { to: "database", lost: false };
  process.trips.add(trip);
  return new Promise((resolve) => {
    const back = (result: Result) =>
      scheduler.after(drawLatency(random), () => resolve(result), process);
    scheduler.after(drawLatency(random), async () => {
      process.trips.delete(trip);
      if (trip.lost) return;
      if (before) return back(UNREACHABLE);
      await world.callLater(
        { name, args, process },
        (result) => back(fails ? UNREACHABLE : result),
      );
    });
  });
}

function logOf(world: World, process: Process): Log {
  const write = (event: string) => world.note(`${process.name}: log ${event}`);
  return { info: write, warn: write, error: write };
}
