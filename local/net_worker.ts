/**
 * Sends the requests of pg_net's queue, the way pg_net's own worker does.
 *
 * - It takes up to 200 requests in one transaction, sends them in parallel, writes the answers in that same
 *   transaction, and only then looks again: answers become visible when the slowest request of the batch has ended, and
 *   a slow request holds up everything queued after it.
 * - It looks when it is woken, at its start, and once more a second after each batch; never by itself.
 * - `net.worker_restart()` is heeded between batches only: it frees nobody from a request that hangs.
 * - When the database or the worker dies in between, the transaction is rolled back and the requests are sent again.
 *
 * @module
 */

import postgres from "postgres";
import { PG_NET_VERSION, type QueuedRequest, send } from "./pg_net/request.ts";
import { connect } from "./postgres/connect.ts";

/** Most requests in one transaction, and how long answers are kept, as on the platform. */
const BATCH_SIZE = 200;
const TTL = "6 hours";
/** After a batch, unless somebody wakes the worker. */
const PAUSE_MS = 1_000;
/** Until the worker is there again after it has ended. */
const RESTART_MS = 1_000;
/** While the database is away. */
const RETRY_MS = 250;

/** A running worker. */
export interface NetWorker {
  stop(): Promise<void>;
}

/** A flag that somebody can wait for. */
function createLatch() {
  let waiter = Promise.withResolvers<void>();
  return {
    set: () => waiter.resolve(),
    /** Waits until it is set, or for `ms`, and resets it. */
    async wait(ms?: number): Promise<void> {
      const timer = ms === undefined ? undefined : setTimeout(() => waiter.resolve(), ms);
      await waiter.promise;
      clearTimeout(timer);
      waiter = Promise.withResolvers<void>();
    },
  };
}

/** Starts the worker. `databaseUrl` is the superuser's. It survives restarts of the database. */
export function startNetWorker(options: {
  databaseUrl: string;
  log: (line: string) => void;
}): NetWorker {
  const stop = new AbortController();
  const latch = createLatch();
  /** What is queued before the start is sent, too. */
  let shouldWake = true;
  let shouldRestart = false;
  let sql = listen();

  /** The connection by which the worker is known in `pg_stat_activity`. */
  function listen(): postgres.Sql {
    const connection = connect(options.databaseUrl, { max: 1, name: `pg_net ${PG_NET_VERSION}` });
    // As upstream: only the first wake is felt. Those after it, until all is drained, wait for the pause to end.
    const wake = () => {
      if (!shouldWake) latch.set();
      shouldWake = true;
    };
    const restart = () => {
      shouldRestart = true;
      latch.set();
    };
    connection.listen("pg_net_wake", wake, wake).catch(() => {});
    connection.listen("pg_net_restart", restart).catch(() => {});
    return connection;
  }

  /** One transaction; how many requests and old answers it took. */
  async function sendBatch(): Promise<number> {
    // A connection of its own: when it is lost, so is the transaction, and what is under way must not be written
    // through a later one.
    const lost = new AbortController();
    const connection = connect(options.databaseUrl, {
      max: 1,
      name: "pg_net batch",
      onClose: () => lost.abort(),
    });
    const ended = AbortSignal.any([lost.signal, stop.signal]);
    try {
      return await connection.begin(async (tx) => {
        const [row] = await tx<{ present: boolean }[]>`
          select to_regclass('net.http_request_queue') is not null as present`;
        if (!row?.present) return 0;
        const expired = await tx`
          delete from net._http_response as r
          using (
            select ctid from net._http_response where created < now() - ${TTL}::interval
            order by created limit ${BATCH_SIZE}) as old
          where r.ctid = old.ctid`;
        const requests = await tx<QueuedRequest[]>`
          delete from net.http_request_queue as q
          using (select id from net.http_request_queue order by id limit ${BATCH_SIZE}) as batch
          where q.id = batch.id
          returning q.id, q.method, q.url, q.headers, q.body, q.timeout_milliseconds`;
        const answers = await Promise.all(requests.map((request) => send(request, ended)));
        ended.throwIfAborted();
        const rows = answers.map((answer) => ({
          ...answer,
          headers: answer.headers === null ? null : tx.json(answer.headers),
        }));
        if (rows.length > 0) await tx`insert into net._http_response ${tx(rows)}`;
        return requests.length + expired.count;
      });
    } finally {
      await connection.end({ timeout: 1 });
    }
  }

  /** Works until there is nothing left, with a pause after each batch. */
  async function drain(): Promise<void> {
    for (;;) {
      const taken = await sendBatch();
      await latch.wait(PAUSE_MS);
      if (taken === 0 || shouldRestart || stop.signal.aborted) return;
    }
  }

  async function restart(): Promise<void> {
    await sql.end({ timeout: 1 });
    await latch.wait(RESTART_MS);
    if (stop.signal.aborted) return;
    shouldRestart = false;
    sql = listen();
  }

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      try {
        if (shouldRestart) await restart();
        if (!shouldWake) {
          await latch.wait();
          continue;
        }
        shouldWake = false;
        await drain();
      } catch (error) {
        if (stop.signal.aborted) return;
        // The database is being restarted; the same requests are tried again.
        shouldWake = true;
        const code = error instanceof postgres.PostgresError ? error.code : "";
        if (code !== "" && !code.startsWith("57P")) options.log(`[pg_net] ${error}`);
        await latch.wait(RETRY_MS);
      }
    }
  }

  const running = run();

  return {
    async stop() {
      stop.abort();
      latch.set();
      await sql.end({ timeout: 1 });
      await Promise.allSettled([running]);
    },
  };
}
