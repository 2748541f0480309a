/**
 * What the core needs from the database to create, use, delete and restore a session.
 *
 * @module
 */
import type { Deletion, DeletionStore } from "../cleanup/ports.ts";
import type { JsonObject, Lease } from "../ports.ts";

export const SESSION_STATUSES = ["provisioning", "active", "deleting"] as const;
export type SessionStatus = typeof SESSION_STATUSES[number];

/** A session as functions answer it. Times are ISO 8601 with an offset. */
export interface SessionView {
  id: string;
  status: SessionStatus;
  title: string | null;
  metadata: JsonObject;
  pinned: boolean;
  /** Own lifetime in seconds; null means the project's `session_ttl`. */
  ttl: number | null;
  messageCount: number;
  acontextSessionId: string | null;
  acontextDiskId: string | null;
  createdAt: string;
  updatedAt: string;
  lastActivityAt: string;
  /** Null when pinned. */
  expiresAt: string | null;
}

export interface NewSession {
  userId: string;
  sessionId: string;
  title: string | null;
  metadata: JsonObject;
  /** Seconds. */
  ttl: number | null;
  pinned: boolean;
}

/** Whose token is older than what has become of the user: deleted, softly or not, or banned. */
export interface RefusedUser {
  outcome: "unknown_user" | "banned";
}

/** The user may not have another session. */
export interface QuotaExceeded {
  outcome: "quota_exceeded";
  limit: number;
  /** The name of the setting that the limit is from. */
  setting: string;
  /** What has reached it. */
  counted: "sessions" | "deleting";
}

/** The user has done this as often as is allowed within a minute. Nothing was changed. */
export interface RateLimited {
  outcome: "rate_limited";
  retryAfterMs: number;
}

export type BeginOutcome =
  /** `disableTaskTracking`: the project's setting. */
  | { outcome: "started" | "resumed"; session: SessionView; disableTaskTracking: boolean }
  | { outcome: "existing"; session: SessionView }
  | { outcome: "busy"; retryAfterMs: number }
  | { outcome: "deleting" }
  | { outcome: "deleted" }
  | { outcome: "not_found" }
  | RefusedUser
  | QuotaExceeded
  | RateLimited;

export type ActivateOutcome =
  | { outcome: "active"; session: SessionView }
  | { outcome: "deleting" }
  | { outcome: "lease_lost" }
  | { outcome: "taken" };

export type DeletionRequestOutcome =
  | { outcome: "claimed"; deletion: Deletion }
  | { outcome: "queued" }
  | { outcome: "not_found" }
  | RateLimited;

export type RestoreOutcome =
  | { outcome: "restored"; session: SessionView }
  | { outcome: "not_found" }
  | { outcome: "not_deleting" }
  | { outcome: "too_late" }
  | RefusedUser
  | QuotaExceeded;

/** Whose session, and which. */
export interface SessionKey {
  userId: string;
  sessionId: string;
}

export interface RemoteIds {
  acontextSessionId: string;
  acontextDiskId: string;
}

/** Why a session cannot be used. */
export type Unusable =
  | { outcome: "not_found" | "provisioning" | "deleting" | "expired" }
  | RefusedUser;

export type UseOutcome =
  | ({
    outcome: "ok";
    /** Messages that Acontext holds for certain; null when that is not known. */
    storedMessages: number | null;
  } & RemoteIds)
  | Unusable;

/**
 * One method for each database function. Throws `AppError` `database_unavailable` when the database cannot be asked,
 * `database_refused` when it refuses for good.
 */
export interface SessionStore extends Pick<DeletionStore, "settleDeletions"> {
  beginSession(session: NewSession, lease: Lease): Promise<BeginOutcome>;
  activateSession(
    input: {
      sessionId: string;
      leaseId: string;
      acontextSessionId: string;
      acontextDiskId: string;
      /** Further resources with the session's mark: queued as orphans. */
      surplusSessionIds: string[];
      surplusDiskIds: string[];
      /** An answer was lost: more resources may still appear under the same mark. */
      uncertain: boolean;
    },
  ): Promise<ActivateOutcome>;
  /** Gives up making a session, so that a repeated call need not wait for the lease to end. */
  releaseSession(
    input: {
      sessionId: string;
      leaseId: string;
      /** What was made or found nevertheless. */
      acontextSessionIds: string[];
      acontextDiskIds: string[];
    },
  ): Promise<void>;
  /** @param limits.maxMessages One of a session with more is left to a worker. */
  requestDeletion(
    key: SessionKey,
    limits: { maxMessages: number },
    lease: Lease,
  ): Promise<DeletionRequestOutcome>;
  restoreSession(key: SessionKey): Promise<RestoreOutcome>;
}

/** What using a session asks of the database. Throws as {@link SessionStore} does. */
export interface UseStore {
  useSession(
    key: SessionKey,
    use: {
      touch: boolean;
      /** Something in Acontext is about to be stored, replaced or removed. */
      writes: boolean;
    },
  ): Promise<UseOutcome>;
  /** Uses the session for storing, replacing or removing a file, and counts that. */
  beginFileWrite(key: SessionKey): Promise<UseOutcome | RateLimited>;
  /** A write is under way right now: to be told every second of a long one, and at its end. */
  noteWrite(sessionId: string): Promise<void>;
}
