/** The ways of deleting sessions that are compared. @module */

import { assertEquals } from "@std/assert/mod.js";
import postgres from "postgres";
import { createInBulk } from "../../tests/integration/support/bulk.ts";
import { NAMESPACE } from "../../tests/integration/support/remote.ts";
import type { World } from "../../tests/integration/support/world.ts";
import type { TestStack } from "../../tests/support/test_stack.ts";
import { cpuMs } from "../cpu_time.ts";
import { type ChildProgram, startProgram } from "./child_program.ts";
import { putBossJobs, putGraphileJobs, type PutJobs } from "./jobs.ts";
import type { Order, ProgramConfig } from "./programs/program.ts";
import type { ContenderKey } from "./result.ts";

const DAYS_AGO = 31;

/** What one drain took. */
export interface Drained {
  ms: number;
  /** Of the worker's process alone. */
  cpuMs: number;
}

export interface Contender {
  key: ContenderKey;
  /** Makes `count` sessions that this contender will find due. */
  prepare(world: World, count: number): Promise<void>;
  drain(world: World, count: number): Promise<Drained>;
}

type Resources = Order["resources"];

/** Sessions of Acontext, each with its disk, that no database knows. */
export async function makeResources({ remote }: World, count: number): Promise<Resources> {
  const sessions = Array.from({ length: count }, () => ({
    id: crypto.randomUUID(),
    diskId: crypto.randomUUID(),
  }));
  await remote.control.createMarked({ namespace: NAMESPACE, sessions });
  return sessions.map(({ id, diskId }) => ({ sessionId: id, diskId }));
}

/** This project's sweep, through gateway and function process, as pg_net calls it. */
export function thisProject(stack: TestStack): Contender {
  return {
    key: "ours",
    prepare: async (world, count) => void await createInBulk(world, { count, daysAgo: DAYS_AGO }),
    async drain(world, count) {
      const pid = workerOf(stack);
      const cpuBefore = cpuMs(pid);
      const started = performance.now();
      const { status, body } = await world.cleanup({ limit: count, force: true });
      const ms = performance.now() - started;
      const used = cpuMs(pid) - cpuBefore;
      assertEquals(status, 200);
      const { deleted } = body && typeof body === "object" && "deleted" in body
        ? body
        : { deleted: null };
      assertEquals(deleted, count, JSON.stringify(body));
      return { ms, cpuMs: used };
    },
  };
}

/** The process of the cleanup function. */
export function workerOf(stack: TestStack): number {
  const [pid] = stack.functionPids("cleanup-sessions");
  if (pid === undefined) throw new Error("Cannot measure: the function has no process");
  return pid;
}

/** The others, each as a program of its own. */
export async function startOthers(
  { info }: TestStack,
  concurrency: number,
): Promise<{ contenders: Contender[]; stop(): Promise<void> }> {
  const config = configOf(info, concurrency);
  const sql = postgres(info.adminDatabaseUrl, { max: 1, onnotice: () => {} });
  await createTable(sql);
  const [bare, naive, graphileWorker, pgBoss] = await Promise.all([
    startProgram("bare", config),
    startProgram("naive", config),
    startProgram("graphile_worker", config),
    startProgram("pg_boss", config),
  ]);

  async function makeRows(world: World, count: number): Promise<void> {
    const made = await makeResources(world, count);
    await sql`
      insert into public.bench_sessions (acontext_session_id, acontext_disk_id, last_activity_at)
      select session_id, disk_id, now() - make_interval(days => ${DAYS_AGO})
      from unnest(
        ${made.map(({ sessionId }) => sessionId)}::uuid[],
        ${made.map(({ diskId }) => diskId)}::uuid[]
      ) as r (session_id, disk_id)`;
  }

  /** The whole job, from expired rows to none. */
  const whole = (key: ContenderKey, program: ChildProgram): Contender => ({
    key,
    prepare: makeRows,
    async drain(_world, count) {
      const drained = await program.drain({ count, resources: [], jobsAlone: false });
      const [row] = await sql<{ left: number }[]>`
        select count(*)::integer as left from public.bench_sessions`;
      assertEquals(row?.left, 0, `${key} left rows`);
      return drained;
    },
  });
  /** The queue's own work: its jobs are there already, and no row is removed. */
  const jobsAlone = (
    key: ContenderKey,
    program: ChildProgram,
    putJobs: PutJobs,
  ): Contender => ({
    key,
    async prepare(world, count) {
      await makeRows(world, count);
      await putJobs(sql);
      await sql`truncate public.bench_sessions`;
    },
    drain: (_world, count) => program.drain({ count, resources: [], jobsAlone: true }),
  });
  let known: Resources = [];
  const contenders: Contender[] = [
    {
      key: "bare",
      async prepare(world, count) {
        known = await makeResources(world, count);
      },
      drain: (_world, count) => bare.drain({ count, resources: known, jobsAlone: true }),
    },
    whole("naive", naive),
    whole("graphileWorker", graphileWorker),
    whole("pgBoss", pgBoss),
    jobsAlone("graphileWorkerAlone", graphileWorker, putGraphileJobs),
    jobsAlone("pgBossAlone", pgBoss, putBossJobs),
  ];
  return {
    contenders,
    async stop() {
      await Promise.all([bare.stop(), naive.stop(), graphileWorker.stop(), pgBoss.stop()]);
      await sql.end();
    },
  };
}

/** What the programs have to know about a stack. */
export function configOf(info: TestStack["info"], concurrency: number): ProgramConfig {
  const { adminDatabaseUrl, apiUrl, secretKey, acontext: { baseUrl, apiKey } } = info;
  return {
    databaseUrl: adminDatabaseUrl,
    apiUrl,
    secretKey,
    acontext: { baseUrl, apiKey },
    concurrency,
  };
}

/** What an app without this project has: a row for each session, with the two ids. */
async function createTable(sql: postgres.Sql): Promise<void> {
  await sql.unsafe(`
    create table if not exists public.bench_sessions (
      id uuid primary key default gen_random_uuid(),
      acontext_session_id uuid not null,
      acontext_disk_id uuid not null,
      last_activity_at timestamptz not null
    );
    create index if not exists bench_sessions_activity on public.bench_sessions (last_activity_at);
    grant select, delete on public.bench_sessions to service_role;
    notify pgrst, 'reload schema'`);
}
