import type {
  Deletion,
  JsonObject,
  Lease,
  Proof,
  RunResult,
} from "../../../supabase/functions/_shared/core/ports.ts";

export type Reason = "requested" | "expired" | "stale" | "orphan";

/** Times are milliseconds on the fake clock. */
export interface SessionRow {
  id: string;
  userId: string;
  status: "provisioning" | "active" | "deleting";
  title: string | null;
  metadata: JsonObject;
  pinned: boolean;
  /** Seconds. */
  ttl: number | null;
  acontextSessionId: string | null;
  acontextDiskId: string | null;
  createdAt: number;
  lastActivityAt: number;
}

export interface QueueEntry {
  id: string;
  originId: string;
  reason: Reason;
  userId: string | null;
  acontextSessionId: string | null;
  acontextDiskId: string | null;
  attempts: number;
  nextAttemptAt: number;
  claimed: boolean;
  leaseId: string | null;
  leasedUntil: number;
  sessionProof: Proof | null;
  diskProof: Proof | null;
  lastError: string | null;
}

export interface Receipt {
  id: string;
  originId: string;
  reason: Reason;
  userId: string | null;
  sessionProof: Proof;
  diskProof: Proof;
  attempts: number;
}

export interface Run {
  status: "requested" | "running" | "finished";
  force: boolean;
  expiresSessions: boolean;
  expiryAllowed: boolean | null;
  result: RunResult | null;
}

export interface Settings {
  cleanupEnabled: boolean;
  sessionTtlMs: number;
  provisioningTimeoutMs: number;
  deletionGraceMs: number;
  maxSessionsPerUser: number | null;
  maxPerRun: number;
  concurrency: number;
  breakerFraction: number;
  breakerMinimum: number;
}

export function newEntry(id: string, reason: Reason, nextAttemptAt: number): QueueEntry {
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
  };
}

/** Leases the entry, as a claim and a deletion request do, and answers what the worker sees. */
export function claim(entry: QueueEntry, { leaseId, leaseSeconds }: Lease, now: number): Deletion {
  entry.leaseId = leaseId;
  entry.leasedUntil = entry.nextAttemptAt = now + leaseSeconds * 1000;
  entry.claimed = true;
  const { id, originId, acontextSessionId, acontextDiskId, attempts } = entry;
  return {
    id,
    originId,
    acontextSessionId,
    acontextDiskId,
    attempts,
    sessionGone: entry.sessionProof !== null,
    diskGone: entry.diskProof !== null,
  };
}
