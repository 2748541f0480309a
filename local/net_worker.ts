/**
 * Sends the requests of pg_net's queue, the way pg_net's own worker does.
 *
 * - It takes up to 200 requests in one transaction, sends them in parallel, writes the answers in that same
 *   transaction, and only then looks again: answers become visible when the slowest request of the batch has ended, and
 *   a slow request holds up everything queued after it.
 * - When the database or the worker dies in between, the transaction is rolled back and the requests are sent again.
 * - Redirects are followed and all headers travel along.
 *
 * @module
 */

import postgres from "postgres";
import { connect } from "./postgres/connect.ts";

/** Most requests in one transaction, and how long answers are kept, as on the platform. */
const BATCH_SIZE = 200;
const TTL = "6 hours";
/** A safety net; normally a notification wakes the worker. */
const POLL_MS = 1_000;
const RETRY_MS = 250;
const USER_AGENT = "pg_net/0.19.5";

interface QueuedRequest {
  id: string;
  method: string;
  url: string;
  headers: Record<string, string> | null;
  body: Uint8Array<ArrayBuffer> | null;
  timeout_milliseconds: number;
}

interface Answer {
  id: string;
  status_code: number | null;
  content_type: string | null;
  headers: Record<string, string> | null;
  content: string | null;
  timed_out: boolean;
  error_msg: string | null;
}

/** A running worker. */
export interface NetWorker {
  stop(): Promise<void>;
}

/** What curl would say. */
function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const detail = error.cause instanceof Error ? error.cause.message : error.message;
  if (detail.includes("dns error")) return "Couldn't resolve host name";
  if (detail.includes("(Connect)")) return "Couldn't connect to server";
  if (detail.includes("Invalid URL")) return "URL using bad/illegal format or missing URL";
  if (detail.includes("connection closed")) return "Server returned nothing (no headers, no data)";
  return detail;
}

async function send(request: QueuedRequest, stopping: AbortSignal): Promise<Answer> {
  const failed = (error_msg: string, timed_out: boolean): Answer => ({
    id: request.id,
    status_code: null,
    content_type: null,
    headers: null,
    content: null,
    timed_out,
    error_msg,
  });
  const limit = request.timeout_milliseconds;
  if (limit <= 0) return failed(`timeout_milliseconds must be positive, got ${limit}`, false);

  const timeout = AbortSignal.timeout(limit);
  // A connection of its own, like a fresh curl handle: nothing is sent into a socket that has just been closed.
  using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  try {
    const headers = new Headers({ "user-agent": USER_AGENT });
    for (const [name, value] of Object.entries(request.headers ?? {})) headers.set(name, value);
    const response = await fetch(request.url, {
      method: request.method.toUpperCase(),
      headers,
      body: request.body,
      redirect: "follow",
      signal: AbortSignal.any([timeout, stopping]),
      client,
    });
    const content = await response.text();
    return {
      id: request.id,
      status_code: response.status,
      content_type: response.headers.get("content-type"),
      headers: Object.fromEntries(response.headers),
      // Text in PostgreSQL cannot hold the null character.
      content: content === "" ? null : content.replaceAll("\0", ""),
      timed_out: false,
      error_msg: null,
    };
  } catch (error) {
    stopping.throwIfAborted();
    if (timeout.aborted) return failed(`Timeout of ${limit} ms reached`, true);
    return failed(describeFailure(error), false);
  }
}

/** Starts the worker. `databaseUrl` is the superuser's. It survives restarts of the database. */
export function startNetWorker(options: {
  databaseUrl: string;
  log: (line: string) => void;
}): NetWorker {
  const stop = new AbortController();
  let wake = Promise.withResolvers<void>();

  const sql = connect(options.databaseUrl, { max: 1, name: "pg_net" });

  async function sendBatch(): Promise<void> {
    // A connection of its own: when it is lost, so is the transaction, and what is under way must not be written
    // through a later one.
    const lost = new AbortController();
    const connection = connect(options.databaseUrl, {
      max: 1,
      name: "pg_net",
      onClose: () => lost.abort(),
    });
    const ended = AbortSignal.any([lost.signal, stop.signal]);
    try {
      await connection.begin(async (tx) => {
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
      });
    } finally {
      await connection.end({ timeout: 1 });
    }
  }

  /** One look at the queue; false when there was nothing to send. */
  async function step(): Promise<boolean> {
    const [row] = await sql<{ present: boolean }[]>`
      select to_regclass('net.http_request_queue') is not null as present`;
    if (!row?.present) return false;
    await sql`delete from net._http_response where created < now() - ${TTL}::interval`;
    const waiting = await sql`select from net.http_request_queue limit 1`;
    if (waiting.length === 0) return false;
    await sendBatch();
    return true;
  }

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      let pause = POLL_MS;
      try {
        if (await step()) continue;
      } catch (error) {
        if (stop.signal.aborted) return;
        // The database is being restarted; the same requests are tried again.
        pause = RETRY_MS;
        const code = error instanceof postgres.PostgresError ? error.code : "";
        if (code !== "" && !code.startsWith("57P")) options.log(`[pg_net] ${error}`);
      }
      const timer = setTimeout(() => wake.resolve(), pause);
      await wake.promise;
      clearTimeout(timer);
      wake = Promise.withResolvers<void>();
    }
  }

  const listening = sql.listen("pg_net_wake", () => wake.resolve(), () => wake.resolve())
    .catch(() => {});
  const running = run();

  return {
    async stop() {
      stop.abort();
      wake.resolve();
      await sql.end({ timeout: 1 });
      await Promise.allSettled([listening, running]);
    },
  };
}
