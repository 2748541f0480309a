/**
 * Runs the jobs of the pg_cron stand-in, the way pg_cron does: every second it looks at `cron.job`, starts what is due
 * on a connection of its own as the job's user, and keeps a row per run in `cron.job_run_details`. A job never overlaps
 * itself. Minutes that passed while it was not running are not made up for.
 *
 * @module
 */

import postgres from "postgres";
import { parseSchedule, type Schedule } from "./cron_schedule.ts";
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

function isDue(
  schedule: Schedule,
  now: { seconds: number; newMinute: Date | null; databaseStarted: boolean },
): boolean {
  if (schedule.kind === "interval") return now.seconds >= schedule.seconds;
  if (schedule.kind === "start") return now.databaseStarted;
  return now.newMinute !== null && schedule.isDue(now.newMinute);
}

/** Ticks fall on whole seconds, give or take some milliseconds. */
function currentSecond(): number {
  return Math.round(Date.now() / 1_000);
}

/** The owner of a job was dropped. */
class MissingRole extends Error {}

/** What pg_cron notes about a command that succeeded: the number of rows, or libpq's command tag. */
function describeResult(command: string, count: number | null): string {
  if (command === "SELECT") return `${count} row${count === 1 ? "" : "s"}`;
  return `${command === "INSERT" ? "INSERT 0" : command} ${count ?? ""}`.trim();
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
  let startedAt = "";
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
      return last === undefined ? "" : describeResult(last.command ?? "", last.count ?? null);
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
        ? `ERROR:  ${error.message}`
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

  /** @throws when the owner of one of them is gone: that keeps pg_cron from running any. */
  async function readJobs(): Promise<Job[]> {
    const [row] = await sql<
      { present: boolean }[]
    >`select to_regclass('cron.job') is not null as present`;
    if (!row?.present) return [];
    const [orphan] = await sql<{ username: string }[]>`
      select username from cron.job where username not in (select rolname from pg_roles) limit 1`;
    if (orphan !== undefined) throw new MissingRole(`role "${orphan.username}" does not exist`);
    return await sql<Job[]>`
      select jobid, schedule, command, database, username
      from cron.job
      where active and database = current_database()
      order by jobid`;
  }

  /** Whether the database has started since the last look. Then nothing of before runs any more. */
  async function noticeStart(): Promise<boolean> {
    const [row] = await sql<{ started: string; present: boolean }[]>`
      select pg_postmaster_start_time()::text as started,
        to_regclass('cron.job_run_details') is not null as present`;
    if (row === undefined || row.started === startedAt) return false;
    if (row.present) {
      await sql`
        update cron.job_run_details
        set status = 'failed', return_message = 'server restarted', end_time = now()
        where status in ('starting', 'running')`;
    }
    startedAt = row.started;
    return true;
  }

  async function tick(): Promise<void> {
    const databaseStarted = await noticeStart();
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
      if (isDue(schedule, { seconds: now - state.lastStart, newMinute, databaseStarted })) {
        start(job, state);
      }
    }
  }

  async function loop(): Promise<void> {
    let lastLine = "";
    while (!stopped) {
      try {
        await tick();
      } catch (error) {
        if (stopped) break;
        // While the database is away there is nothing to say.
        const worthSaying = error instanceof postgres.PostgresError
          ? !error.code.startsWith("57P")
          : error instanceof MissingRole;
        const line = `[pg_cron] ${error instanceof Error ? error.message : error}`;
        if (worthSaying && line !== lastLine) log(line);
        lastLine = line;
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
