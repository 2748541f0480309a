/** How deletions enter the queue of the fake database, are claimed, and leave it. @module */

import type {
  Deletion,
  Settlement,
} from "../../../supabase/functions/_acontext_sessions/core/cleanup/ports.ts";
import type { Lease } from "../../../supabase/functions/_acontext_sessions/core/ports.ts";
import type { QueueEntry, Reason, SessionRow, StoreState } from "./store_rows.ts";

const MINUTE = 60_000;
const WRITE_GAP = 3_000;
const STUCK_ATTEMPTS = 10;

function newEntry(id: string, reason: Reason, nextAttemptAt: number): QueueEntry {
  return {
    id,
    originId: id,
    reason,
    userId: null,
    acontextSessionId: null,
    acontextDiskId: null,
    attempts: 0,
    nextAttemptAt,
    claimed: false,
    leaseId: null,
    leasedUntil: 0,
    sessionProof: null,
    diskProof: null,
    lastError: null,
    messages: null,
    sessionMs: null,
    sessionInDoubt: false,
    diskInDoubt: false,
    slow: false,
    holdsSlot: false,
    repeatedDeletes: 0,
  };
}

/** Deletes that may still be begun at a time. */
export function freeSlots({ settings, runs, queue }: StoreState, now: number): number {
  const running = [...runs.values()].filter(({ status }) => status === "running");
  const held = [...queue.values()].filter((entry) => entry.holdsSlot && entry.leasedUntil > now);
  const taken = running.reduce((sum, { slots }) => sum + slots, 0) + held.length;
  return Math.max(0, settings.maxRemoteDeletes - taken);
}

/** True when the last write to the session may not be counted yet. */
export function isFreshlyWritten({ sessions }: StoreState, id: string, now: number): boolean {
  const lastWriteAt = sessions.get(id)?.lastWriteAt;
  return lastWriteAt !== undefined && lastWriteAt > now - WRITE_GAP;
}

/** Leases the entry, as a claim and a deletion request do, and answers what the worker sees. */
export function claim(
  entry: QueueEntry,
  { leaseId, leaseSeconds }: Lease,
  { now, holdsSlot }: { now: number; holdsSlot: boolean },
): Deletion {
  // A lease that ended without a report.
  if (entry.leaseId !== null) entry.sessionInDoubt = entry.diskInDoubt = true;
  entry.holdsSlot = holdsSlot;
  entry.leaseId = leaseId;
  entry.leasedUntil = entry.nextAttemptAt = now + leaseSeconds * 1000;
  entry.claimed = true;
  const { id, originId, acontextSessionId, acontextDiskId, messages } = entry;
  return {
    messages,
    sessionInDoubt: entry.sessionInDoubt,
    diskInDoubt: entry.diskInDoubt,
    id,
    originId,
    acontextSessionId,
    acontextDiskId,
    sessionGone: entry.sessionProof !== null,
    diskGone: entry.diskProof !== null,
  };
}

export function queueSession(
  { queue, leases, settings }: StoreState,
  row: SessionRow,
  { reason, now }: { reason: Reason; now: number },
): void {
  row.status = "deleting";
  const { id, userId, acontextSessionId, acontextDiskId } = row;
  const graceMs = reason === "stale" ? 0 : settings.deletionGraceMs;
  const { lastWriteAt = -WRITE_GAP, messageCount: messages = 0 } = row;
  const dueAt = Math.max(now + graceMs, leases.get(id)?.until ?? 0, lastWriteAt + WRITE_GAP);
  const ids = { acontextSessionId, acontextDiskId };
  queue.set(id, { ...newEntry(id, reason, dueAt), userId, ...ids, messages });
}

/** Queues remote resources that belong to no session. Ids that a session or another entry holds are left alone. */
export function queueOrphans(
  { sessions, queue }: StoreState,
  { originId, userId, sessionIds, diskIds, now }: {
    originId: string;
    userId: string | null;
    sessionIds: string[];
    diskIds: string[];
    now: number;
  },
): void {
  const known = [...sessions.values(), ...queue.values()];
  for (const acontextSessionId of sessionIds) {
    const unnamed = sessions.get(acontextSessionId)?.acontextSessionId === null;
    if (unnamed || known.some((other) => other.acontextSessionId === acontextSessionId)) continue;
    const id = `orphan:${acontextSessionId}`;
    const entry = newEntry(id, "orphan", now + WRITE_GAP);
    queue.set(id, { ...entry, originId, userId, acontextSessionId, diskProof: "absent" });
  }
  for (const acontextDiskId of diskIds) {
    if (known.some((other) => other.acontextDiskId === acontextDiskId)) continue;
    const id = `orphan:${acontextDiskId}`;
    const entry = newEntry(id, "orphan", now + WRITE_GAP);
    queue.set(id, { ...entry, originId, userId, acontextDiskId, sessionProof: "absent" });
  }
}

/** Names what came to be after its session was queued. A worker that looked before that must not settle. */
export function nameRemoteIds(
  { queue, leases }: StoreState,
  { id, sessionId, diskId, now }: {
    id: string;
    sessionId: string | null;
    diskId: string | null;
    now: number;
  },
): void {
  const entry = queue.get(id);
  if (entry === undefined) return;
  if (entry.acontextSessionId !== null && entry.acontextDiskId !== null) return;
  if (entry.acontextSessionId === null) entry.sessionProof = null;
  if (entry.acontextDiskId === null) entry.diskProof = null;
  entry.acontextSessionId ??= sessionId;
  entry.acontextDiskId ??= diskId;
  entry.leaseId = null;
  entry.leasedUntil = 0;
  entry.nextAttemptAt = entry.claimed
    ? Math.max(entry.nextAttemptAt, now + MINUTE)
    : Math.max(now, leases.get(id)?.until ?? 0);
}

/** Stamps what is proven gone. An entry that is wholly gone leaves with its session, and a receipt stays. */
export function settle(
  { sessions, leases, queue, log, kept }: StoreState,
  { entry, settlement, now }: { entry: QueueEntry; settlement: Settlement; now: number },
): "deleted" | "failed" | "released" | "kept" {
  const { session, disk, disposition, error, underWay, stuck = false } = settlement;
  entry.sessionProof ??= session ?? null;
  entry.diskProof ??= disk ?? null;
  entry.sessionMs = settlement.sessionMs ?? entry.sessionMs;
  entry.leaseId = null;
  entry.leasedUntil = 0;
  entry.holdsSlot = false;
  entry.sessionInDoubt ||= settlement.inDoubt?.includes("session") ?? false;
  entry.diskInDoubt ||= settlement.inDoubt?.includes("disk") ?? false;
  entry.slow ||= settlement.slow ?? false;
  entry.repeatedDeletes += settlement.repeated ?? 0;
  entry.lastError = error ?? entry.lastError;
  const backoff = Math.max(
    stuck ? 6 * 60 * MINUTE : Math.min(30_000 * 2 ** entry.attempts, 6 * 60 * MINUTE),
    underWay ? MINUTE : 0,
  );
  entry.nextAttemptAt = now +
    (disposition === "retry" ? backoff : disposition === "defer" ? MINUTE : 0);
  if (disposition === "retry") {
    entry.attempts = Math.max(entry.attempts + 1, stuck ? STUCK_ATTEMPTS : 0);
  }
  const { id, originId, reason, userId, sessionProof, diskProof } = entry;
  if (sessionProof === null || diskProof === null) {
    return disposition === "retry" ? "failed" : "released";
  }
  if (kept.has(id)) {
    entry.nextAttemptAt = now + backoff;
    entry.attempts += 1;
    entry.lastError = "row: 23503";
    return "kept";
  }
  queue.delete(id);
  sessions.delete(id);
  leases.delete(id);
  const attempts = entry.attempts + 1;
  const { repeatedDeletes } = entry;
  const { sessionMs } = entry;
  const proofs = { sessionProof, diskProof };
  log.push({ id, originId, reason, userId, ...proofs, attempts, repeatedDeletes, sessionMs });
  return "deleted";
}

/** Whether its session is there, and has more messages. */
export function isLarge({ sessionProof, messages }: QueueEntry, than: number): boolean {
  return sessionProof === null && (messages ?? 0) > than;
}
