/**
 * The one connection to the real database: each call is one transaction, followed by a look at everything.
 *
 * @module
 */

import postgres from "postgres";
import { type RawSnapshot, type Snapshot, SNAPSHOT_SQL, toSnapshot } from "./snapshot.ts";

/** How a transaction ended: with the function's answer, or with the SQLSTATE of an error. */
export type Result = { data: unknown; error: null } | { data: null; error: { code: string } };

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
  delete from acontext_sessions.uncertain_sessions;
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
  insert into acontext_sessions.settings default values;`;

const ARGUMENTS = `
  select p.proname as name, p.proargnames as names,
    array(select format_type(t, null) from unnest(p.proargtypes) as t) as types
  from pg_proc as p where p.pronamespace = 'public'::regnamespace`;

export class Database {
  #lastReceipt = 0;
  readonly #calls = new Map<string, string>();

  private constructor(
    readonly sql: postgres.Sql,
    readonly functions: ReadonlyMap<string, ReadonlyMap<string, string>>,
  ) {}

  /** @param url The superuser's. */
  static async connect(url: string): Promise<Database> {
    const sql = postgres(url, { max: 1, onnotice: () => {}, max_lifetime: null });
    await sql.unsafe("set jit = off; set timezone = 'UTC'").simple();
    const rows = await sql.unsafe<{ name: string; names: string[] | null; types: string[] }[]>(
      ARGUMENTS,
    );
    const functions = new Map(rows.map(({ name, names, types }) => [
      name,
      new Map(types.map((type, i) => [names?.[i] ?? "", type])),
    ]));
    return new Database(sql, functions);
  }

  /** Empties the database and runs `setUp` in it. */
  async reset(moment: Moment, setUp: string): Promise<void> {
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
   * Calls a public function by name, the way PostgREST does, as the service role. `execute` sends a query at once: the
   * three go out in this order and share a round trip.
   */
  async call(
    moment: Moment,
    name: string,
    args: Record<string, unknown>,
  ): Promise<{ result: Result; after: Snapshot; requests: string[] }> {
    const text = this.#callText(name, Object.keys(args));
    const [, called, seen] = await Promise.all([
      this.#setMoment(moment),
      this.sql.unsafe<{ answer: unknown }[]>(text, [postgresJson(args)], { prepare: true })
        .execute().then(
          ([row]): Result => ({ data: row?.answer ?? null, error: null }),
          failure,
        ),
      this.#look(),
    ]);
    return { result: called, ...seen };
  }

  /** Runs statements in one transaction as `role`, with the claims of a signed-in user if given. */
  async run(
    moment: Moment,
    { role, claims, text }: { role: string; claims?: { sub: string }; text: string },
  ): Promise<{ result: Result; after: Snapshot; requests: string[] }> {
    await this.#setMoment(moment);
    const claimsText = claims === undefined
      ? ""
      : `select set_config('request.jwt.claims', '${JSON.stringify(claims)}', true);`;
    const result = await this.sql.unsafe(
      `set role ${role}; ${claimsText} ${text}; set role service_role`,
    ).simple().then((): Result => ({ data: null, error: null }), failure);
    return { result, ...await this.#look() };
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
    await this.sql.end();
  }

  async #look(): Promise<{ after: Snapshot; requests: string[] }> {
    const query = this.sql.unsafe<{ snapshot: RawSnapshot }[]>(
      SNAPSHOT_SQL,
      [this.#lastReceipt],
      { prepare: true },
    ).execute();
    const [row] = await query;
    if (row === undefined) throw new Error("Cannot look at the database: no answer");
    for (const { logId } of row.snapshot.receipts) {
      this.#lastReceipt = Math.max(this.#lastReceipt, logId);
    }
    return { after: toSnapshot(row.snapshot), requests: row.snapshot.requests };
  }

  #setMoment({ now, jitter }: Moment): PromiseLike<unknown> {
    return this.sql.unsafe(
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
