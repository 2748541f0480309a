/**
 * What the demo does and sees as the operator of the database: it lets time pass and reads the outcome.
 *
 * @module
 */

import postgres from "postgres";

export interface Receipt {
  id: string;
  reason: string;
  attempts: number;
}

export interface Database {
  /** Pretends that nothing happened in these sessions for 31 days. */
  age(ids: string[]): Promise<void>;
  /** Changes settings and answers what they were. */
  configure(changes: Record<string, string>): Promise<Record<string, string>>;
  /** Makes a retry due now instead of in half a minute. */
  hurry(id: string): Promise<void>;
  /** The reported error of a deletion that is backing off, or null. */
  failureOf(id: string): Promise<string | null>;
  /** Runs that the scheduler started since `since` and that ended. */
  scheduledRuns(trigger: "schedule" | "retry", since: Date): Promise<number>;
  /** Ids of sessions that exist or wait for their deletion. */
  knownIds(): Promise<Set<string>>;
  receipts(ids: string[]): Promise<Receipt[]>;
  now(): Promise<Date>;
  close(): Promise<void>;
}

export function openDatabase(url: string): Database {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  return {
    async age(ids) {
      await sql`
        update public.session_mappings
        set last_activity_at = last_activity_at - interval '31 days'
        where id = any (${ids})`;
    },
    async configure(changes) {
      const [before] =
        await sql`select to_jsonb(s) as settings from acontext_sessions.settings as s`;
      await sql`select public.acontext_configure_cleanup(${sql.json(changes)})`;
      return Object.fromEntries(
        Object.keys(changes).map((key) => [key, before?.["settings"][key]]),
      );
    },
    async hurry(id) {
      await sql`
        update acontext_sessions.deletion_queue set next_attempt_at = acontext_sessions.clock()
        where id = ${id} and lease_id is null`;
    },
    async failureOf(id) {
      const [row] = await sql<{ last_error: string | null }[]>`
        select last_error from acontext_sessions.deletion_queue where id = ${id} and attempts > 0`;
      return row?.last_error ?? null;
    },
    async scheduledRuns(trigger, since) {
      const [row] = await sql<{ runs: number }[]>`
        select count(*)::integer as runs from acontext_sessions.runs
        where task = 'sweep' and trigger = ${trigger} and status = 'finished' and request_id is not null
          and requested_at >= ${since}`;
      return row?.runs ?? 0;
    },
    async knownIds() {
      const rows = await sql<{ id: string }[]>`
        select id from public.session_mappings union select origin_id from acontext_sessions.deletion_queue`;
      return new Set(rows.map(({ id }) => id));
    },
    async receipts(ids) {
      return await sql<Receipt[]>`
        select id, reason, attempts from acontext_sessions.deletion_log where id = any (${ids})`;
    },
    async now() {
      const [row] = await sql<{ now: Date }[]>`select acontext_sessions.clock() as now`;
      return row?.now ?? new Date();
    },
    close: () => sql.end({ timeout: 5 }),
  };
}
