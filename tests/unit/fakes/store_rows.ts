import type {
  Proof,
  RunResult,
} from "../../../supabase/functions/_acontext_sessions/core/cleanup/ports.ts";
import type { JsonObject } from "../../../supabase/functions/_acontext_sessions/core/ports.ts";

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
  /** Null when nothing was written to its remote resources. */
  lastWriteAt?: number;
  messageCount?: number;
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
  messages: number | null;
  sessionMs: number | null;
  sessionInDoubt: boolean;
  diskInDoubt: boolean;
  slow: boolean;
  holdsSlot: boolean;
  repeatedDeletes: number;
}

export interface Receipt {
  id: string;
  originId: string;
  reason: Reason;
  userId: string | null;
  sessionProof: Proof;
  diskProof: Proof;
  attempts: number;
  repeatedDeletes: number;
  sessionMs: number | null;
}

export interface Run {
  status: "requested" | "running" | "finished";
  force: boolean;
  expiresSessions: boolean;
  expiryAllowed: boolean | null;
  slots: number;
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
  maxRemoteDeletes: number;
  msPerMessage: number | null;
  maxExpiryFraction: number;
  maxExpiryMinimum: number;
}

/** What the database remembers. */
export interface StoreState {
  readonly sessions: Map<string, SessionRow>;
  readonly leases: Map<string, { leaseId: string; until: number }>;
  readonly queue: Map<string, QueueEntry>;
  readonly log: Receipt[];
  readonly runs: Map<string, Run>;
  readonly settings: Settings;
  /** Sessions whose rows the app keeps from leaving. */
  readonly kept: Set<string>;
}
