/**
 * Runs the jobs of the pg_cron stand-in, the way pg_cron does: every second it looks at `cron.job`, starts what is due
 * on a connection of its own as the job's user, and keeps a row per run in `cron.job_run_details`. A job never overlaps
 * itself. Minutes that passed while it was not running are not made up for.
 *
 * @module
 */

import postgres from "postgres";
import { parseSchedule } from "./cron_schedule.ts";
import { connect } from "./postgres/connect.ts";

const TICK_MS = 1_000;
/** pg_cron's own limit. */
const MAX_RUNNING = 32;

interface Job {
  jobid: string;
  schedule: string;
  command: string;
  database: string;
  username: string;
}

/** What the worker remembers about a job between two looks. */
interface JobState {
  schedule: string;
  running: boolean;
  /** Due while it was still running: runs once more right after. */
  pending: boolean;
  /** When an interval job was last started or first seen, in seconds. */
  lastStart: number;
}

/** A running worker. */
export interface CronWorker {
  stop(): Promise<void>;
}

/** Ticks fall on whole seconds, give or take some milliseconds. */
function currentSecond(): number {
  return Math.round(Date.now() / 1_000);
}

/** Starts the worker. `databaseUrl` is the superuser's. It survives restarts of the database. */
export function startCronWorker(options: {
  databaseUrl: string;
  log: (line: string) => void;
}): CronWorker {
  const { databaseUrl, log } = options;
  const states = new Map<string, JobState>();
  const runs = new Set<Promise<void>>();
  const connections = new Set<postgres.Sql>();
  let stopped = false;
  let lastMinute = Math.floor(currentSecond() / 60);

  const sql = connect(databaseUrl, { max: 2, name: "pg_cron scheduler" });

  /** Runs the command as libpq would: as the job's user with that user's settings, all statements in one go. */
  async function execute(job: Job, runId: string): Promise<string> {
    const connection = connect(databaseUrl, { max: 1, name: "pg_cron" });
    connections.add(connection);
    try {
      const [backend] = await connection<{ pid: number }[]>`select pg_backend_pid() as pid`;
      const settings = await connection<{ name: string; value: string }[]>`
        select split_part(entry, '=', 1) as name, substring(entry from position('=' in entry) + 1) as value
        from pg_db_role_setting as s
        join pg_roles as r on r.oid = s.setrole and r.rolname = ${job.username},
          lateral unnest(s.setconfig) as entry`;
      await sql`
        update cron.job_run_details set status = 'running', job_pid = ${
        backend?.pid ?? null
      }, start_time = now()
        where runid = ${runId}`;
      await connection.unsafe(`set session authorization "${job.username.replaceAll('"', '""')}"`);
      for (const { name, value } of settings) {
        await connection`select set_config(${name}, ${value}, false)`;
      }
      const result = await connection.unsafe(job.command).simple();
      const last = Array.isArray(result[0]) ? result.at(-1) : result;
      if (last === undefined) return "";
      return last.command === "SELECT"
        ? `${last.count} row${last.count === 1 ? "" : "s"}`
        : `${last.command ?? ""} ${last.count ?? ""}`.trim();
    } finally {
      connections.delete(connection);
      await connection.end({ timeout: 1 });
    }
  }

  async function run(job: Job, state: JobState): Promise<void> {
    state.running = true;
    let runId: string | undefined;
    let status = "succeeded";
    let message: string;
    try {
      const [row] = await sql<{ runid: string }[]>`
        insert into cron.job_run_details (jobid, database, username, command, status)
        values (${job.jobid}, ${job.database}, ${job.username}, ${job.command}, 'starting')
        returning runid`;
      if (row === undefined) throw new Error("no run id");
      runId = row.runid;
      message = await execute(job, row.runid);
    } catch (error) {
      status = "failed";
      message = error instanceof postgres.PostgresError
        ? `ERROR: ${error.message}`
        : `connection failed: ${error instanceof Error ? error.message : error}`;
    }
    state.running = false;
    if (runId !== undefined && !stopped) {
      await sql`
        update cron.job_run_details set status = ${status}, return_message = ${message}, end_time = now()
        where runid = ${runId}`.catch(() => {});
    }
    if (status === "failed" && !stopped) log(`[pg_cron] job ${job.jobid} failed: ${message}`);
    if (state.pending && !stopped) {
      state.pending = false;
      start(job, state);
    }
  }

  function start(job: Job, state: JobState) {
    if (state.running) {
      state.pending = true;
      return;
    }
    if (runs.size >= MAX_RUNNING) return;
    state.lastStart = currentSecond();
    const running = run(job, state).finally(() => runs.delete(running));
    runs.add(running);
  }

  async function readJobs(): Promise<Job[]> {
    const [row] = await sql<
      { present: boolean }[]
    >`select to_regclass('cron.job') is not null as present`;
    if (!row?.present) return [];
    return await sql<Job[]>`
      select jobid, schedule, command, database, username
      from cron.job
      where active and database = current_database()
      order by jobid`;
  }

  async function tick(): Promise<void> {
    const now = currentSecond();
    const minute = Math.floor(now / 60);
    // Only the minute that has just begun counts, however long ago the last look was.
    const newMinute = minute === lastMinute ? null : new Date(minute * 60_000);
    const jobs = await readJobs();
    lastMinute = minute;

    const known = new Set(jobs.map((job) => job.jobid));
    for (const [id, state] of states) if (!known.has(id) && !state.running) states.delete(id);

    for (const job of jobs) {
      let state = states.get(job.jobid);
      if (state === undefined) {
        state = { schedule: job.schedule, running: false, pending: false, lastStart: now };
        states.set(job.jobid, state);
      } else if (state.schedule !== job.schedule) {
        // The same object: a run under way will note its end there.
        Object.assign(state, { schedule: job.schedule, pending: false, lastStart: now });
      }
      const schedule = parseSchedule(job.schedule);
      if (schedule === null) continue;
      const due = schedule.kind === "interval"
        ? now - state.lastStart >= schedule.seconds
        : newMinute !== null && schedule.isDue(newMinute);
      if (due) start(job, state);
    }
  }

  async function loop(): Promise<void> {
    let recovered = false;
    while (!stopped) {
      try {
        if (!recovered) {
          const [row] = await sql<{ present: boolean }[]>`
            select to_regclass('cron.job_run_details') is not null as present`;
          if (row?.present) {
            await sql`
              update cron.job_run_details
              set status = 'failed', return_message = 'server restarted', end_time = now()
              where status in ('starting', 'running')`;
          }
          recovered = true;
        }
        await tick();
      } catch (error) {
        if (!stopped && error instanceof postgres.PostgresError && !error.code.startsWith("57P")) {
          log(`[pg_cron] ${error.message}`);
        }
      }
      if (stopped) break;
      await new Promise<void>((resolve) => {
        // Ticks fall on whole seconds, so that a job starts at the beginning of its minute.
        const timer = setTimeout(resolve, TICK_MS - (Date.now() % TICK_MS));
        cancelPause = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  let cancelPause = () => {};
  const looping = loop();

  return {
    async stop() {
      stopped = true;
      cancelPause();
      await Promise.allSettled(
        [...connections].map((connection) => connection.end({ timeout: 0 })),
      );
      await sql.end({ timeout: 1 });
      await Promise.allSettled([looping, ...runs]);
    },
  };
}
