/**
 * What a message writes: HOT updates (within the page, no index touched) and WAL.
 *
 * Many sessions at a time, each message a transaction of its own, on virtual time: what is written depends on how
 * much time lies between the messages of one session, because a session is touched at most once per
 * `touch_granularity` (one minute).
 *
 * @module
 */

import { LEASE } from "./attempt.ts";
import type { Messages } from "./result.ts";
import { call, type Subject } from "./subject.ts";

interface Kind {
  secondsBetween: number;
  withKey: boolean;
}

const KINDS: Kind[] = [
  { secondsBetween: 1, withKey: false },
  { secondsBetween: 15, withKey: false },
  { secondsBetween: 120, withKey: false },
  { secondsBetween: 15, withKey: true },
];

const MESSAGES_EACH = 4;
/** Calls sent before the first is answered: the driver's round trips do not matter here. */
const PIPELINED = 50;

/** Changes the database permanently: afterwards its clock runs ahead. */
export async function writeMessages(subject: Subject, sessions: number): Promise<Messages[]> {
  const { session } = subject;
  // Those that are used are young, and young rows lie together.
  const targets = await session.run<Subject["targets"][number]>(
    `select id, user_id as "userId" from public.session_mappings
     where status = 'active' and not pinned and expires_at > now() + interval '1 day'
     order by created_at desc limit $1`,
    [sessions],
  );
  await session.run("set log_min_duration_statement = -1");
  let seconds = 0;
  const written: Messages[] = [];
  for (const { secondsBetween, withKey } of KINDS) {
    seconds += 3_600;
    const sendAll = async () => {
      for (let message = 0; message < MESSAGES_EACH; message++) {
        seconds += secondsBetween;
        await setClock(subject, seconds);
        await session.run("set role service_role");
        for (let done = 0; done < targets.length; done += PIPELINED) {
          const some = targets.slice(done, done + PIPELINED);
          await Promise.all(some.map((target) => send(subject, { target, withKey })));
        }
        await session.run("reset role");
      }
    };
    await session.run("checkpoint");
    const first = await counted(subject, sendAll);
    const again = await counted(subject, sendAll);
    const messages = targets.length * MESSAGES_EACH;
    written.push({
      secondsBetween,
      withKey,
      messages,
      updates: again.updates,
      hotUpdates: again.hotUpdates,
      walBytes: again.walBytes / messages,
      walBytesAfterCheckpoint: first.walBytes / messages,
    });
  }
  return written;
}

async function send(
  subject: Subject,
  { target, withKey }: { target: Subject["targets"][number]; withKey: boolean },
): Promise<void> {
  const to = { p_user_id: target.userId, p_session_id: target.id };
  if (!withKey) {
    const answer = await call(
      subject,
      "acontext_use_session",
      { ...to, p_touch: true, p_new_messages: 1 },
      { measured: false },
    );
    expectOutcome(answer, '"ok"');
    return;
  }
  const keyHash = (crypto.randomUUID() + crypto.randomUUID()).replaceAll("-", "");
  const begun = await call(
    subject,
    "acontext_begin_message",
    { ...to, ...LEASE, p_key_hash: keyHash, p_body_hash: keyHash },
    { measured: false },
  );
  expectOutcome(begun, '"started"');
  await call(subject, "acontext_settle_message", {
    p_session_id: target.id,
    p_result: "stored",
    p_lease_id: LEASE.p_lease_id,
    p_key_hash: keyHash,
    p_message_id: crypto.randomUUID(),
    p_message_created_at: new Date().toISOString(),
  }, { measured: false });
}

function expectOutcome(answer: unknown, outcome: string): void {
  const text = JSON.stringify(answer);
  if (!text.includes(`"outcome":${outcome}`)) {
    throw new Error(`Cannot measure: a message was answered ${text}`);
  }
}

async function setClock({ session }: Subject, seconds: number): Promise<void> {
  await session.run(`
    create or replace function acontext_sessions.clock() returns timestamptz
    language sql stable security invoker set search_path = ''
    as $$ select now() + interval '${seconds} seconds' $$`);
}

interface Counters {
  updates: number;
  hotUpdates: number;
  walBytes: number;
}

async function counted({ session }: Subject, use: () => Promise<void>): Promise<Counters> {
  async function read(): Promise<Counters> {
    await session.run("select pg_stat_force_next_flush()");
    await session.run("select pg_stat_clear_snapshot()");
    const [row] = await session.run<Counters>(`
      select n_tup_upd::float8 as updates, n_tup_hot_upd::float8 as "hotUpdates",
        pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8 as "walBytes"
      from pg_stat_user_tables where relid = 'public.session_mappings'::regclass`);
    if (row === undefined) throw new Error("Cannot measure: the server keeps no statistics");
    return row;
  }
  const before = await read();
  await use();
  const after = await read();
  return {
    updates: after.updates - before.updates,
    hotUpdates: after.hotUpdates - before.hotUpdates,
    walBytes: after.walBytes - before.walBytes,
  };
}
