/**
 * Tests in which several connections meet in the database.
 *
 * They run against the stack of `TEST_STACK_FILE`, or against any database that `TEST_DATABASE_URL` (role `postgres`) and
 * `TEST_ADMIN_DATABASE_URL` (superuser) name. What is in that database is lost.
 *
 * @module
 */

import postgres from "postgres";
import { readStackInfo } from "../../support/stack_info.ts";
import { resetDatabase } from "./database.ts";
import { eventually } from "../../support/eventually.ts";

type Value = string | number | boolean | null | string[] | postgres.JSONValue;

/** Users, and ids that tell what they are. */
export const ALICE = "a1111111-1111-4111-8111-111111111111";
export const BOB = "b2222222-2222-4222-8222-222222222222";
export const sessionId = (n: number) => numbered("5e550000", n);
export const diskId = (n: number) => numbered("d15c0000", n);
export const leaseId = (n: number) => numbered("1ea50000", n);
export const runId = (n: number) => numbered("40000000", n);

function numbered(kind: string, n: number): string {
  return `${kind}-0000-4000-8000-${String(n).padStart(12, "0")}`;
}

/** What a database function answers, as far as these tests look at it. */
export interface Answer {
  outcome?: string;
  deleted?: number;
  lost?: number;
  expired?: number;
  stale?: number;
  dispatched?: number;
  problems?: string[];
}

/** One connection, hence at most one transaction at a time. */
export class Connection {
  readonly #sql: postgres.Sql;
  #pid = 0;

  constructor(url: string) {
    this.#sql = postgres(url, { max: 1, onnotice: () => {} });
  }

  async open(): Promise<void> {
    const [row] = await this.query("select pg_backend_pid() as pid");
    this.#pid = Number(row?.pid);
  }

  get pid(): number {
    return this.#pid;
  }

  /** Starts at once, whether or not it is awaited. */
  async query(text: string, values: Value[] = []): Promise<postgres.Row[]> {
    return [...await this.#sql.unsafe(text, values as never[])];
  }

  /** Calls a function of the API as the Edge Functions do: as the service role. */
  async rpc(name: string, args: Record<string, Value>): Promise<Answer> {
    const names = Object.keys(args);
    const list = names.map((arg, i) => `${arg} => $${i + 1}`).join(", ");
    const [row] = await this.query(`select public.${name}(${list}) as answer`, Object.values(args));
    return row?.answer;
  }

  /** Begins a transaction; what follows holds its locks until {@link commit} or {@link rollBack}. */
  async begin(mode = ""): Promise<void> {
    await this.query(`begin ${mode}`);
  }

  async commit(): Promise<void> {
    await this.query("commit");
  }

  async rollBack(): Promise<void> {
    await this.query("rollback");
  }

  close(): Promise<void> {
    return this.#sql.end({ timeout: 1 });
  }
}

export interface Race {
  /** Two callers and, where a test needs one, a third. */
  first: Connection;
  second: Connection;
  third: Connection;
  /** Role `postgres`, for arranging and looking; never in a transaction. */
  operator: Connection;
  /** Waits until the database makes `connection` wait for a lock. */
  blocked(connection: Connection): Promise<void>;
}

/** A test with Alice and Bob as users and nothing else in the database. */
export function raceTest(name: string, test: (race: Race) => Promise<void>): void {
  Deno.test(name, async () => {
    const urls = databaseUrls();
    await resetDatabase(urls);
    const connect = () => new Connection(urls.databaseUrl);
    const [first, second, third, operator] = [connect(), connect(), connect(), connect()] as const;
    const connections = [first, second, third, operator];
    try {
      for (const connection of connections) {
        await connection.open();
        // Far beyond what any of these tests needs: a test that hangs shall say where.
        await connection.query("set statement_timeout = '20s'");
      }
      for (const caller of [first, second, third]) await caller.query("set role service_role");
      await operator.query(
        "select cron.alter_job(job_id := j.jobid, active := false) from cron.job as j",
      );
      await operator.query(
        "insert into auth.users (id, email) values ($1, 'alice@example.com'), ($2, 'bob@example.com')",
        [ALICE, BOB],
      );
      await test({
        first,
        second,
        third,
        operator,
        blocked: (waiting) => blocked(operator, waiting),
      });
    } finally {
      await Promise.all(connections.map((connection) => connection.close()));
      await resetDatabase(urls);
    }
  });
}

function databaseUrls(): { databaseUrl: string; adminDatabaseUrl: string } {
  const databaseUrl = Deno.env.get("TEST_DATABASE_URL");
  const adminDatabaseUrl = Deno.env.get("TEST_ADMIN_DATABASE_URL");
  if (databaseUrl === undefined || adminDatabaseUrl === undefined) return readStackInfo();
  return { databaseUrl, adminDatabaseUrl };
}

async function blocked(operator: Connection, waiting: Connection): Promise<void> {
  await eventually(`connection ${waiting.pid} waits for a lock`, async () => {
    const [row] = await operator.query("select pg_blocking_pids($1) <> '{}' as blocked", [
      waiting.pid,
    ]);
    return row?.blocked === true;
  });
}

/** The calls of these tests, with what does not matter filled in. */

export function begin(
  connection: Connection,
  n: number,
  { userId = ALICE, lease = 1 }: { userId?: string; lease?: number } = {},
): Promise<Answer> {
  return connection.rpc("acontext_begin_session", {
    p_user_id: userId,
    p_session_id: sessionId(n),
    p_lease_id: leaseId(lease),
    p_lease_seconds: 60,
    p_metadata: {},
    p_pinned: false,
  });
}

export function activate(
  connection: Connection,
  n: number,
  { disk = n, lease = 1 }: { disk?: number; lease?: number } = {},
): Promise<Answer> {
  return connection.rpc("acontext_activate_session", {
    p_session_id: sessionId(n),
    p_lease_id: leaseId(lease),
    p_acontext_session_id: sessionId(n),
    p_acontext_disk_id: diskId(disk),
    p_surplus_session_ids: [],
    p_surplus_disk_ids: [],
    p_uncertain: false,
  });
}

export async function makeActive(connection: Connection, ...numbers: number[]): Promise<void> {
  for (const n of numbers) {
    await begin(connection, n);
    await activate(connection, n);
  }
}

export function requestDeletion(connection: Connection, n: number, lease = 2): Promise<Answer> {
  return connection.rpc("acontext_request_session_deletion", {
    p_user_id: ALICE,
    p_session_id: sessionId(n),
    p_lease_id: leaseId(lease),
    p_lease_seconds: 80,
  });
}

export function restore(connection: Connection, n: number): Promise<Answer> {
  return connection.rpc("acontext_restore_session", {
    p_user_id: ALICE,
    p_session_id: sessionId(n),
  });
}

/** Answers the ids that were claimed. */
export async function claim(
  connection: Connection,
  { lease = 3, limit = 100 }: { lease?: number; limit?: number } = {},
): Promise<string[]> {
  const rows = await connection.query(
    "select d ->> 'id' as id from jsonb_array_elements(public.acontext_claim_deletions($1, $2, 80)) as d",
    [leaseId(lease), limit],
  );
  return rows.map((row) => String(row.id)).sort();
}

/** Reports both resources of each session as gone. */
export function settle(connection: Connection, numbers: number[], lease = 3): Promise<Answer> {
  return connection.rpc("acontext_settle_deletions", {
    p_lease_id: leaseId(lease),
    p_settlements: numbers.map((n) => ({
      id: sessionId(n),
      session: "deleted",
      disk: "deleted",
      disposition: "release",
    })),
  });
}

/** `status reason/session/disk` of each session that is left, by number; resources as `+` when the queue names them. */
export async function state(connection: Connection): Promise<Record<string, string>> {
  const rows = await connection.query(`
    select ltrim(right(s.id::text, 12), '0') as n, s.status::text || coalesce(' ' || q.reason
        || case when q.acontext_session_id is null then '/-' else '/+' end
        || case when q.acontext_disk_id is null then '/-' else '/+' end, '') as state
    from public.session_mappings as s
    left join acontext_sessions.deletion_queue as q on q.id = s.id
    order by s.id`);
  return Object.fromEntries(rows.map((row) => [String(row.n), String(row.state)]));
}

/** The disks that are queued as orphans. */
export async function orphanDisks(connection: Connection): Promise<string[]> {
  const rows = await connection.query(`
    select acontext_disk_id as id from acontext_sessions.deletion_queue
    where reason = 'orphan' and acontext_disk_id is not null order by 1`);
  return rows.map((row) => String(row.id));
}
