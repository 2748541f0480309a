/** How jobs for what has expired are put into the queues, many at once. @module */

import type postgres from "postgres";

/** Rows of bench_sessions as the payload of a job. */
const PAYLOAD =
  `jsonb_build_object('rowId', s.id, 'sessionId', s.acontext_session_id, 'diskId', s.acontext_disk_id)`;
const EXPIRED = `public.bench_sessions as s where s.last_activity_at < now() - interval '30 days'`;

export type PutJobs = (sql: postgres.Sql) => Promise<unknown>;

export const putGraphileJobs: PutJobs = (sql) =>
  sql.unsafe(`
    select graphile_worker.add_jobs(array_agg(
      ('delete_session', ${PAYLOAD}::json, null, null, null, null, null, null)::graphile_worker.job_spec
    ))
    from ${EXPIRED}`);

export const putBossJobs: PutJobs = (sql) =>
  sql.unsafe(
    `insert into pgboss.job (name, data) select 'delete-session', ${PAYLOAD} from ${EXPIRED}`,
  );
