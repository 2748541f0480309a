/** The worst mistake: the function is pointed at another database, which knows none of the sessions. @module */

import { startWorker } from "./actors.ts";
import type { Random } from "./random.ts";
import type { World } from "./world.ts";

const TABLES = [
  "public.session_mappings",
  "acontext_sessions.deletion_queue",
  "acontext_sessions.deletion_log",
  "acontext_sessions.provisioning_leases",
  "acontext_sessions.uncertain_sessions",
  "acontext_sessions.runs",
  "acontext_sessions.reconcile_state",
  "acontext_sessions.restamp_state",
];

/** So many unknown sessions are never believed. */
const SUSPICIOUS = 11;
/** Longer than any run. */
const STAY_MS = 200_000;

/** The sessions' database is put aside, an empty one takes its place, a reconcile and a sweep run there, and back. */
export async function reconcileInWrongDatabase(world: World, random: Random): Promise<void> {
  if (knownToReconcile(world) < SUSPICIOUS) return;
  await world.endOpen();
  for (const process of world.processes) process.cutOff();
  world.note("the function is pointed at an empty database");
  world.absent = world.snapshot;
  await move(world, "aside");
  startWorker(world, request(world, "reconcile"), random.fork("reconcile"));
  await world.scheduler.pass(STAY_MS);
  startWorker(world, request(world, "sweep"), random.fork("sweep"));
  await world.scheduler.pass(STAY_MS);
  for (const process of world.processes) process.cutOff();
  await move(world, "back");
  world.note("the function is pointed at its own database again");
  world.absent = null;
}

/** Live sessions that reconcile would find unknown in an empty database: the young ones count for nothing. */
function knownToReconcile({ snapshot: { rows, settings, now } }: World): number {
  return [...rows.values()].filter(({ status, createdAt }) =>
    status === "active" && createdAt <= now - settings.orphanGrace
  ).length;
}

function request(world: World, task: "sweep" | "reconcile") {
  return { task, runId: world.newRunId(), dryRun: false, force: false, limit: null };
}

/** In place of rows: none, put aside; the ones that were put aside, put back. */
async function move(world: World, whereTo: "aside" | "back"): Promise<void> {
  const statements = TABLES.map((table) => {
    const copy = `simulation.${table.replace(".", "_")}`;
    return whereTo === "aside"
      ? `create table ${copy} as table ${table}; delete from ${table}`
      : `delete from ${table};
         insert into ${table} overriding system value table ${copy};
         drop table ${copy}`;
  });
  await world.maintain([
    "reset role",
    "set local session_replication_role = replica",
    "create schema if not exists simulation",
    ...statements,
    "insert into acontext_sessions.reconcile_state default values on conflict do nothing",
    "insert into acontext_sessions.restamp_state default values on conflict do nothing",
    "set role service_role",
  ].join(";\n"));
}
