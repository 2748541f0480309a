/** The database behind the API: what tests look at, and how they make time pass. @module */

import postgres from "postgres";
import type { StackInfo } from "../../support/stack_info.ts";
import { liftUserLimits } from "../../support/user_limits.ts";

export interface QueueEntry {
  id: string;
  reason: string;
  attempts: number;
  /** Seconds from now; negative when due. */
  due_in: number;
  leased: boolean;
  session_gone: boolean;
  disk_gone: boolean;
  last_error: string | null;
}

export interface Receipt {
  id: string;
  reason: string;
  user_id: string | null;
  session_proof: string;
  disk_proof: string;
  attempts: number;
}

export interface Run {
  id: string;
  task: string;
  trigger: string;
  status: string;
  stop_reason: string | null;
  total: number;
  deleted: number;
  expired: number;
  stale: number;
}

/** Role `postgres`, as an operator in the SQL editor. */
export function openDatabase({ databaseUrl }: StackInfo) {
  const sql = postgres(databaseUrl, { max: 4, onnotice: () => {} });
  return {
    sql,

    /** Makes sessions look unused for 31 days. */
    async expire(ids: string[]): Promise<void> {
      await sql`
        update public.session_mappings
        set last_activity_at = acontext_sessions.clock() - interval '31 days'
        where id = any (${ids})`;
    },

    /** Makes sessions look as if somebody had begun to make them 11 minutes ago and never ended. */
    async abandon(ids: string[]): Promise<void> {
      await sql`
        update public.session_mappings
        set last_activity_at = acontext_sessions.clock() - interval '11 minutes'
        where id = any (${ids}) and status = 'provisioning'`;
      await sql`
        update acontext_sessions.provisioning_leases
        set leased_until = acontext_sessions.clock() - interval '9 minutes'
        where session_id = any (${ids})`;
    },

    /** Makes every deletion due that nobody works on. */
    async makeDue(): Promise<void> {
      await sql`
        update acontext_sessions.deletion_queue
        set next_attempt_at = acontext_sessions.clock()
        where lease_id is null and next_attempt_at > acontext_sessions.clock()`;
    },

    /** Ends every lease, as the passing of time does. */
    async endLeases(): Promise<void> {
      await sql`
        update acontext_sessions.deletion_queue
        set leased_until = acontext_sessions.clock(), next_attempt_at = acontext_sessions.clock()
        where lease_id is not null`;
    },

    /** Runs `work` at a later time, as far as the database tells it. */
    async later<T>(interval: string, work: () => Promise<T>): Promise<T> {
      const replaceClock = (now: string) =>
        sql.unsafe(`
          create or replace function acontext_sessions.clock() returns timestamptz
          language sql stable security invoker set search_path = '' as $$ select ${now}; $$`);
      await replaceClock(`now() + interval '${interval}'`);
      try {
        return await work();
      } finally {
        await replaceClock("now()");
      }
    },

    async configure(changes: Record<string, string | number | boolean | null>): Promise<void> {
      await sql`select public.acontext_configure_cleanup(${sql.json(changes)})`;
    },

    /** Jobs that are there and active, and run half an hour and half a day from now. */
    async quietSchedule(): Promise<void> {
      const now = new Date();
      const minute = (now.getUTCMinutes() + 30) % 60;
      const hour = (now.getUTCHours() + 12) % 24;
      const changes = { retry_schedule: `${minute} * * * *`, cleanup_schedule: `0 ${hour} * * *` };
      await sql`select public.acontext_configure_cleanup(${sql.json(changes)})`;
    },

    /** Stops the jobs, which would be unwanted actors in most tests, until settings change. */
    async silenceJobs(): Promise<void> {
      await sql`select cron.alter_job(job_id := j.jobid, active := false) from cron.job as j`;
    },

    async statusOf(id: string): Promise<string | null> {
      const [row] = await sql<{ status: string }[]>`
        select status::text from public.session_mappings where id = ${id}`;
      return row?.status ?? null;
    },

    async rowCount(): Promise<number> {
      const [row] = await sql<{ count: number }[]>`
        select count(*)::integer as count from public.session_mappings`;
      return row?.count ?? 0;
    },

    async queue(): Promise<QueueEntry[]> {
      const rows = await sql<QueueEntry[]>`
        select id, reason::text, attempts, last_error,
          extract(epoch from next_attempt_at - acontext_sessions.clock())::float8 as due_in,
          lease_id is not null as leased,
          session_gone_at is not null as session_gone,
          disk_gone_at is not null as disk_gone
        from acontext_sessions.deletion_queue
        order by id`;
      return [...rows];
    },

    async receipts(): Promise<Receipt[]> {
      const rows = await sql<Receipt[]>`
        select id, reason::text, user_id, session_proof::text, disk_proof::text, attempts
        from acontext_sessions.deletion_log
        order by log_id`;
      return [...rows];
    },

    async runs(): Promise<Run[]> {
      const rows = await sql<Run[]>`
        select id, task::text, trigger::text, status::text, stop_reason, total, deleted, expired, stale
        from acontext_sessions.runs
        order by requested_at, id`;
      return [...rows];
    },

    close: () => sql.end({ timeout: 1 }),
  };
}

export type Database = ReturnType<typeof openDatabase>;

/**
 * Makes the database as new. Only the superuser can: everybody else is stopped by the guard triggers, which is what they
 * are for.
 */
export async function resetDatabase(
  { adminDatabaseUrl }: Pick<StackInfo, "adminDatabaseUrl">,
): Promise<void> {
  const sql = postgres(adminDatabaseUrl, { max: 1, onnotice: () => {} });
  try {
    await againAfterDeadlock(() =>
      sql.begin(async (tx) => {
        await tx`set local session_replication_role = replica`;
        await tx`
        truncate auth.users, public.session_mappings, acontext_sessions.deletion_queue, acontext_sessions.deletion_log,
          acontext_sessions.runs, acontext_sessions.provisioning_leases, acontext_sessions.uncertain_sessions,
          acontext_sessions.settings_log, acontext_sessions.erased_users, acontext_sessions.set_aside cascade`;
        await tx`delete from net.http_request_queue`;
        await tx`delete from net._http_response`;
        await tx`delete from acontext_sessions.settings`;
        await tx`insert into acontext_sessions.settings default values`;
        await liftUserLimits(tx);
        await tx`
        update acontext_sessions.reconcile_state
        set phase = 'sessions', page_cursor = null, run_id = null, run_until = null,
          pass_started_at = null, pass_finished_at = null, pass_seen = 0, pass_unknown = 0,
          reconciled_until = null, pass_grace = default, pass_skipped = 0, last_skipped = 0
        where only_row`;
        await tx`update acontext_sessions.restamp_state set after_id = null, moved_at = null where only_row`;
      })
    );
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** The end of a run that the last test started may hold what `truncate` wants, and want what it holds. */
async function againAfterDeadlock<T>(transaction: () => Promise<T>): Promise<T> {
  for (let attempt = 1;; attempt++) {
    try {
      return await transaction();
    } catch (error) {
      const deadlock = error instanceof postgres.PostgresError && error.code === "40P01";
      if (!deadlock || attempt === 5) throw error;
    }
  }
}
