/**
 * The real database: each call is one transaction, followed by a look at everything. Transactions come one after the other on
 * one connection, unless one is left open on another while they do.
 *
 * @module
 */

import postgres from "postgres";
import { LIFT_USER_LIMITS } from "../support/user_limits.ts";
import { type RawSnapshot, type Snapshot, SNAPSHOT_SQL, toSnapshot } from "./snapshot.ts";

/** How a transaction ended: with the function's answer, or with the SQLSTATE of an error. */
export type Result = { data: unknown; error: null } | { data: null; error: { code: string } };

/** A public function that a worker calls as the service role, or SQL that somebody wrote. */
export type Work =
  | { name: string; args: Record<string, unknown> }
  | { role: string; claims?: { sub: string }; text: string };

export interface Done {
  result: Result;
  after: Snapshot;
  requests: string[];
}

/** A transaction that has done its work and not ended. */
interface Open {
  moment: Moment;
  result: Result;
  /** The last receipt before it, and those after that which are known: receipts do not become visible in their order. */
  since: number;
  seen: Set<number>;
}

export interface Moment {
  /** The database's time, milliseconds since 1970. */
  now: number;
  /** What acontext_sessions.random() answers. */
  jitter: number;
}

const FORGET = `
  reset role;
  set session_replication_role = replica;
  delete from acontext_sessions.provisioning_leases;
  delete from acontext_sessions.erased_users;
  delete from acontext_sessions.uncertain_sessions;
  delete from acontext_sessions.set_aside;
  delete from acontext_sessions.message_keys;
  delete from public.session_mappings;
  delete from acontext_sessions.deletion_queue;
  delete from acontext_sessions.deletion_log;
  delete from acontext_sessions.runs;
  delete from acontext_sessions.reconcile_state;
  delete from acontext_sessions.restamp_state;
  delete from acontext_sessions.settings;
  delete from auth.users;
  delete from net.http_request_queue;
  insert into acontext_sessions.reconcile_state default values;
  insert into acontext_sessions.restamp_state default values;
  insert into acontext_sessions.settings default values;
  ${LIFT_USER_LIMITS}`;

const ARGUMENTS = `
  select p.proname as name, p.proargnames as names,
    array(select format_type(t, null) from unnest(p.proargtypes) as t) as types
  from pg_proc as p where p.pronamespace = 'public'::regnamespace`;

export class Database {
  #lastReceipt = 0;
  readonly #calls = new Map<string, string>();
  #open: Open | null = null;
  #others: { other: postgres.Sql; watcher: postgres.Sql; pid: number; otherPid: number } | null =
    null;

  private constructor(
    readonly url: string,
    readonly sql: postgres.Sql,
    readonly functions: ReadonlyMap<string, ReadonlyMap<string, string>>,
  ) {}

  /** @param url The superuser's. */
  static async connect(url: string): Promise<Database> {
    const sql = await open(url);
    const rows = await sql.unsafe<{ name: string; names: string[] | null; types: string[] }[]>(
      ARGUMENTS,
    );
    const functions = new Map(rows.map(({ name, names, types }) => [
      name,
      new Map(types.map((type, i) => [names?.[i] ?? "", type])),
    ]));
    return new Database(url, sql, functions);
  }

  /** Empties the database and runs `setUp` in it. */
  async reset(moment: Moment, setUp: string): Promise<void> {
    await this.abandon();
    await this.#setMoment(moment);
    await this.sql.unsafe(
      `${FORGET}\n${setUp};\nset session_replication_role = origin; set role service_role`,
    ).simple();
    const [row] = await this.sql.unsafe<{ last: number }[]>(
      "select coalesce(max(log_id), 0)::int as last from acontext_sessions.deletion_log",
    );
    this.#lastReceipt = row?.last ?? 0;
  }

  /**
   * Does `work` in one transaction, and looks. `execute` sends a query at once: the three go out in this order and share a
   * round trip.
   *
   * @returns Also how the transaction ended that was left open, if this one had to wait for it.
   */
  async transact(moment: Moment, work: Work): Promise<{ opened: Done | null; done: Done }> {
    if (this.#open !== null) return await this.#meet(this.#open, moment, work);
    const [, result, seen] = await Promise.all([
      this.#setMoment(moment),
      this.#execute(this.sql, work),
      this.#look(),
    ]);
    return { opened: null, done: { result, ...seen } };
  }

  /** Does `work` in a transaction that stays open until another has to wait for it, or {@link endOpen}. */
  async open(moment: Moment, work: Work): Promise<void> {
    const { other } = await this.#connectOthers();
    const since = this.#lastReceipt;
    await other.unsafe("begin").simple();
    await this.#setMoment(moment, other);
    const result = await this.#execute(other, work);
    this.#open = { moment, result, since, seen: new Set() };
  }

  async endOpen(): Promise<Done> {
    const open = this.#open;
    if (open === null) throw new Error("Cannot end a transaction: none is open");
    const { other, watcher } = await this.#connectOthers();
    const { result, moment } = open;
    await other.unsafe(result.error === null ? "commit" : "rollback").simple();
    await this.#setMoment(moment, watcher);
    const seen = await this.#look(watcher, open);
    this.#open = null;
    return { result, ...seen };
  }

  /** Takes back what is left open. */
  async abandon(): Promise<void> {
    if (this.#open !== null) await this.#others?.other.unsafe("rollback").simple();
    this.#open = null;
  }

  /** While another transaction is open: when this one waits for it, that one ends first. */
  async #meet(
    open: Open,
    moment: Moment,
    work: Work,
  ): Promise<{ opened: Done | null; done: Done }> {
    const { watcher, pid, otherPid } = await this.#connectOthers();
    await this.sql.unsafe("begin").simple();
    await this.#setMoment(moment);
    let isDone = false;
    const working = this.#execute(this.sql, work).finally(() => isDone = true);
    const waits = async () => {
      const [row] = await watcher.unsafe<{ waits: boolean }[]>(
        "select $1::int = any (pg_blocking_pids($2::int)) as waits",
        [otherPid, pid],
        { prepare: true },
      );
      return row?.waits === true;
    };
    let isWaiting = false;
    while (!isDone && !isWaiting) {
      isWaiting = await Promise.race([waits(), working.then(() => false)]);
    }
    const opened = isWaiting ? await this.endOpen() : null;
    const result = await working;
    await this.sql.unsafe(result.error === null ? "commit" : "rollback").simple();
    await this.#setMoment(moment, watcher);
    return { opened, done: { result, ...await this.#look(watcher, open) } };
  }

  async look(moment: Moment): Promise<Snapshot> {
    await this.#setMoment(moment);
    return (await this.#look()).after;
  }

  /** Runs statements as the superuser's connection, in one transaction; they have to leave the role as it was. */
  async maintain(moment: Moment, text: string): Promise<void> {
    await this.#setMoment(moment);
    await this.sql.unsafe(text).simple();
  }

  async vacuum(): Promise<void> {
    await this.sql.unsafe("reset role").simple();
    await this.sql.unsafe("vacuum analyze").simple();
    await this.sql.unsafe("set role service_role").simple();
  }

  async close(): Promise<void> {
    const { other, watcher } = this.#others ?? {};
    await Promise.all([this.sql.end(), other?.end(), watcher?.end()]);
  }

  async #connectOthers() {
    if (this.#others !== null) return this.#others;
    const [other, watcher] = [await open(this.url), await open(this.url)];
    for (const sql of [other, watcher]) await sql.unsafe("set role service_role").simple();
    const pidOf = async (sql: postgres.Sql) => {
      const [row] = await sql.unsafe<{ pid: number }[]>("select pg_backend_pid() as pid");
      return row?.pid ?? 0;
    };
    return this.#others = {
      other,
      watcher,
      pid: await pidOf(this.sql),
      otherPid: await pidOf(other),
    };
  }

  #execute(sql: postgres.Sql, work: Work): Promise<Result> {
    if ("name" in work) {
      const { name, args } = work;
      const text = this.#callText(name, Object.keys(args));
      return sql.unsafe<{ answer: unknown }[]>(text, [postgresJson(args)], { prepare: true })
        .execute().then(([row]): Result => ({ data: row?.answer ?? null, error: null }), failure);
    }
    const { role, claims, text } = work;
    const claimsText = claims === undefined
      ? ""
      : `select set_config('request.jwt.claims', '${JSON.stringify(claims)}', true);`;
    return sql.unsafe(`set role ${role}; ${claimsText} ${text}; set role service_role`)
      .simple().then((): Result => ({ data: null, error: null }), failure);
  }

  async #look(
    sql: postgres.Sql = this.sql,
    { since, seen }: { since: number; seen: Set<number> } = {
      since: this.#lastReceipt,
      seen: new Set(),
    },
  ): Promise<{ after: Snapshot; requests: string[] }> {
    const query = sql.unsafe<{ snapshot: RawSnapshot }[]>(
      SNAPSHOT_SQL,
      [since],
      { prepare: true },
    ).execute();
    const [row] = await query;
    if (row === undefined) throw new Error("Cannot look at the database: no answer");
    row.snapshot.receipts = row.snapshot.receipts.filter(({ logId }) => !seen.has(logId));
    for (const { logId } of row.snapshot.receipts) {
      seen.add(logId);
      this.#lastReceipt = Math.max(this.#lastReceipt, logId);
    }
    return { after: toSnapshot(row.snapshot), requests: row.snapshot.requests };
  }

  #setMoment({ now, jitter }: Moment, sql: postgres.Sql = this.sql): PromiseLike<unknown> {
    return sql.unsafe(
      "select set_config('simulation.now', $1, false), set_config('simulation.random', $2, false)",
      [new Date(now).toISOString(), String(jitter)],
      { prepare: true },
    ).execute();
  }

  #callText(name: string, args: string[]): string {
    const key = `${name}(${args.join()})`;
    let text = this.#calls.get(key);
    if (text === undefined) {
      const types = this.functions.get(name);
      if (types === undefined) throw new Error(`Cannot call "${name}": no such function`);
      const columns = args.map((arg) => {
        const type = types.get(arg);
        if (type === undefined) throw new Error(`Cannot call "${name}": no argument "${arg}"`);
        return `${arg} ${type}`;
      });
      text = `select public.${name}(${args.map((arg) => `${arg} => a.${arg}`).join(", ")}) as answer
        from jsonb_to_record($1) as a (${columns.join(", ")})`;
      this.#calls.set(key, text);
    }
    return text;
  }
}

async function open(url: string): Promise<postgres.Sql> {
  const sql = postgres(url, { max: 1, onnotice: () => {}, max_lifetime: null });
  await sql.unsafe("set jit = off; set timezone = 'UTC'").simple();
  return sql;
}

/** Arguments are JSON already; the driver's types do not know that objects of unknown values are. */
function postgresJson(args: Record<string, unknown>): postgres.JSONValue {
  return JSON.parse(JSON.stringify(args));
}

function failure(error: unknown): Result {
  if (error instanceof postgres.PostgresError) {
    return { data: null, error: { code: error.code } };
  }
  throw error;
}
