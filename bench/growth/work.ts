/** How many sessions a second the database alone can expire, lease and release, with commits. @module */

import type { Work } from "./result.ts";
import { Session } from "./session.ts";
import { BATCH } from "./sizes.ts";
import { call, type Subject } from "./subject.ts";
import { entriesSchema, settlement } from "./sweep_statements.ts";
import { z } from "zod";

const settledSchema = z.looseObject({ deleted: z.number() });

interface Worker {
  session: Session;
  functions: Subject["functions"];
}

/** Deletes sessions for good. Each worker has a connection of its own, as requests of PostgREST do. */
export async function work(
  subject: Subject,
  { workers, batches }: { workers: number; batches: number },
): Promise<Work> {
  const { url, sessions, functions } = subject;
  const open = await Promise.all(Array.from({ length: workers }, async (): Promise<Worker> => {
    const session = await Session.connect(url);
    await session.listen();
    await session.run("set role service_role");
    return { session, functions };
  }));
  try {
    const before = await walPosition(subject);
    const started = performance.now();
    const deleted = await Promise.all(
      open.map((worker) => drain(worker, Math.ceil(batches / workers))),
    );
    const seconds = (performance.now() - started) / 1000;
    const walBytes = await walPosition(subject) - before;
    const ms = await Promise.all(open.map(({ session }) => session.takeMs()));
    const total = (label: string) => ms.reduce((sum, parts) => sum + (parts.get(label) ?? 0), 0);
    return {
      sessions,
      batch: BATCH,
      workers,
      deleted: deleted.reduce((sum, part) => sum + part, 0),
      seconds,
      expireMs: total("acontext_queue_due_sessions"),
      claimMs: total("acontext_claim_deletions"),
      settleMs: total("acontext_settle_deletions"),
      walBytes,
    };
  } finally {
    for (const { session } of open) await session.close();
  }
}

async function drain(worker: Worker, batches: number): Promise<number> {
  const run = crypto.randomUUID();
  await worker.session.run(
    "insert into acontext_sessions.runs (id, task, trigger, status, started_at, expiry_allowed) values ($1, 'sweep', 'schedule', 'running', now(), true)",
    [run],
  );
  const ask = (name: string, args: Record<string, unknown>) =>
    call(worker, name, args, { measured: true });
  let deleted = 0;
  for (let batch = 0; batch < batches; batch++) {
    const leaseId = crypto.randomUUID();
    await ask("acontext_queue_due_sessions", { p_run_id: run, p_limit: BATCH });
    const claimed = entriesSchema.parse(
      await ask("acontext_claim_deletions", {
        p_lease_id: leaseId,
        p_limit: BATCH,
        p_lease_seconds: 80,
      }),
    );
    const settled = await ask("acontext_settle_deletions", {
      p_lease_id: leaseId,
      p_settlements: claimed.map(({ id }) => settlement(id)),
    });
    deleted += settledSchema.parse(settled).deleted;
  }
  if (deleted !== batches * BATCH) throw new Error(`Cannot measure: only ${deleted} were deleted`);
  return deleted;
}

async function walPosition({ session }: Subject): Promise<number> {
  const [row] = await session.run<{ at: number }>(
    "select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8 as at",
  );
  return row?.at ?? 0;
}
