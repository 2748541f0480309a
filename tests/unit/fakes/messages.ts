import type {
  BeginMessageOutcome,
  MessageKey,
  MessageResult,
  MessageStore,
  StoredMessage,
} from "../../../supabase/functions/_acontext_sessions/core/messages/ports.ts";
import type { Clock, Lease } from "../../../supabase/functions/_acontext_sessions/core/ports.ts";
import type {
  RateLimited,
  SessionKey,
  UseOutcome,
  UseStore,
} from "../../../supabase/functions/_acontext_sessions/core/sessions/ports.ts";

interface KeyRow {
  bodyHash: string;
  mark: string;
  leaseId: string;
  leasedUntil: number;
  attempts: number;
  counted: boolean;
  message: StoredMessage | null;
}

/** One active session and its idempotency keys, as the database functions keep them. */
export class FakeMessageStore implements MessageStore {
  messageCount = 0;
  outcome: UseOutcome["outcome"] = "ok";
  storedMessages: number | null = null;
  /** Above 0: the user writes too often. */
  waitMs = 0;
  calls: string[] = [];
  failing: "settleMessage" | null = null;
  readonly keys = new Map<string, KeyRow>();
  readonly #clock: Clock;
  readonly #ids: { acontextSessionId: string; acontextDiskId: string };

  constructor(clock: Clock, ids: { acontextSessionId: string; acontextDiskId: string }) {
    this.#clock = clock;
    this.#ids = ids;
  }

  useSession(_key: SessionKey, _use: Parameters<UseStore["useSession"]>[1]): Promise<UseOutcome> {
    this.calls.push("useSession");
    return Promise.resolve(this.#use());
  }

  #use(): UseOutcome {
    const { outcome, storedMessages } = this;
    return outcome === "ok" ? { outcome, ...this.#ids, storedMessages } : { outcome };
  }

  beginFileWrite(): Promise<UseOutcome | RateLimited> {
    this.calls.push("beginFileWrite");
    if (this.waitMs > 0) {
      return Promise.resolve({ outcome: "rate_limited", retryAfterMs: this.waitMs });
    }
    return Promise.resolve(this.#use());
  }

  noteWrite(): Promise<void> {
    this.calls.push("noteWrite");
    return Promise.resolve();
  }

  beginMessage(
    _key: SessionKey,
    { keyHash, bodyHash }: MessageKey,
    { leaseId, leaseSeconds }: Lease,
  ): Promise<BeginMessageOutcome> {
    this.calls.push("beginMessage");
    const { outcome } = this;
    if (outcome !== "ok") return Promise.resolve({ outcome });
    if (this.waitMs > 0) {
      return Promise.resolve({ outcome: "rate_limited", retryAfterMs: this.waitMs });
    }
    const now = this.#clock.now();
    const leasedUntil = now + leaseSeconds * 1000;
    const row = this.keys.get(keyHash);
    if (row === undefined) {
      const mark = crypto.randomUUID();
      const fresh = { bodyHash, mark, leaseId, leasedUntil, attempts: 1, counted: true };
      this.keys.set(keyHash, { ...fresh, message: null });
      this.messageCount++;
      const { storedMessages } = this;
      return Promise.resolve({ outcome: "started", mark, storedMessages, ...this.#ids });
    }
    if (row.bodyHash !== bodyHash) return Promise.resolve({ outcome: "mismatch" });
    if (row.message !== null) return Promise.resolve({ outcome: "stored", message: row.message });
    if (row.leasedUntil > now) {
      return Promise.resolve({ outcome: "busy", retryAfterMs: row.leasedUntil - now });
    }
    if (!row.counted) this.messageCount++;
    Object.assign(row, { leaseId, leasedUntil, attempts: row.attempts + 1, counted: true });
    const { storedMessages } = this;
    return Promise.resolve({ outcome: "resumed", mark: row.mark, storedMessages, ...this.#ids });
  }

  settleMessage({ result, claim, message }: {
    sessionId: string;
    result: MessageResult;
    claim: { leaseId: string; keyHash: string };
    message: StoredMessage | null;
  }): Promise<{ active: boolean }> {
    this.calls.push("settleMessage");
    if (this.failing === "settleMessage") return Promise.reject(new Error("no database"));
    const active = this.outcome === "ok";
    const row = this.keys.get(claim.keyHash);
    if (result === "stored") {
      if (row !== undefined) row.message ??= message;
    } else if (row?.leaseId === claim.leaseId && row.message === null && row.counted) {
      this.messageCount--;
      row.counted = false;
      row.leasedUntil = this.#clock.now();
      if (result === "refused" && row.attempts === 1) this.keys.delete(claim.keyHash);
    }
    return Promise.resolve({ active });
  }
}
