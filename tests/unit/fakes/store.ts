import type {
  ActivateOutcome,
  BeginOutcome,
  Clock,
  Deletion,
  DeletionRequestOutcome,
  Lease,
  NewSession,
  Preview,
  QueuedDue,
  RestoreOutcome,
  RunRequest,
  RunResult,
  SessionView,
  Settlement,
  StartRunOutcome,
  Store,
} from "../../../supabase/functions/_shared/core/ports.ts";
import { AppError } from "../../../supabase/functions/_shared/errors.ts";
import {
  claim,
  newEntry,
  type QueueEntry,
  type Reason,
  type Receipt,
  type Run,
  type SessionRow,
  type Settings,
} from "./store_rows.ts";

export type StoreCall = keyof Store;

const MINUTE = 60_000;

/**
 * The database functions of supabase/migrations in memory: the same states, leases, stamps, backoff (without jitter),
 * receipts and breaker. Each call happens at one moment, half-way through its latency.
 */
export class FakeStore implements Store {
  readonly sessions = new Map<string, SessionRow>();
  readonly leases = new Map<string, { leaseId: string; until: number }>();
  readonly queue = new Map<string, QueueEntry>();
  readonly log: Receipt[] = [];
  readonly runs = new Map<string, Run>();
  readonly users = new Set<string>();
  readonly uncertain = new Set<string>();
  /** Asked at each call: `before` fails without effect, `after` takes effect and loses the answer. */
  failure: (call: StoreCall) => "before" | "after" | null = () => null;
  calls = 0;

  constructor(
    readonly clock: Clock,
    readonly settings: Settings,
    readonly latencyMs = 0,
  ) {}

  beginSession(wanted: NewSession, lease: Lease): Promise<BeginOutcome> {
    return this.#call("beginSession", (now) => {
      const until = now + Math.min(lease.leaseSeconds, 120) * 1000;
      const row = this.sessions.get(wanted.sessionId);
      if (row !== undefined) {
        if (row.userId !== wanted.userId) return { outcome: "not_found" };
        if (row.status === "active") return { outcome: "existing", session: this.#view(row) };
        if (row.status === "deleting") return { outcome: "deleting" };
        const held = this.leases.get(row.id);
        if (held !== undefined && held.until > now) {
          return { outcome: "busy", retryAfterMs: held.until - now };
        }
        this.leases.set(row.id, { leaseId: lease.leaseId, until });
        this.uncertain.add(row.id);
        return { outcome: "resumed", session: this.#view(row) };
      }
      const receipt = this.log.find(({ originId }) => originId === wanted.sessionId);
      if (receipt !== undefined) {
        return { outcome: receipt.userId === wanted.userId ? "deleted" : "not_found" };
      }
      const limit = this.settings.maxSessionsPerUser;
      if (limit !== null && this.#owned(wanted.userId) >= limit) {
        return { outcome: "quota_exceeded", limit };
      }
      if (!this.users.has(wanted.userId)) return { outcome: "unknown_user" };
      const { sessionId: id, ...fields } = wanted;
      const made: SessionRow = {
        id,
        ...fields,
        status: "provisioning",
        acontextSessionId: null,
        acontextDiskId: null,
        createdAt: now,
        lastActivityAt: now,
      };
      this.sessions.set(id, made);
      this.leases.set(id, { leaseId: lease.leaseId, until });
      return { outcome: "started", session: this.#view(made) };
    });
  }

  activateSession(input: Parameters<Store["activateSession"]>[0]): Promise<ActivateOutcome> {
    return this.#call("activateSession", (now) => {
      const { sessionId: id, acontextSessionId, acontextDiskId } = input;
      const row = this.sessions.get(id);
      const owner = row?.userId ?? null;
      const giveUpAll = () =>
        this.#queueOrphans(id, owner, [...input.surplusSessionIds, acontextSessionId], [
          ...input.surplusDiskIds,
          acontextDiskId,
        ]);
      if (row === undefined) {
        giveUpAll();
        return { outcome: "deleting" };
      }
      if (row.status === "deleting") {
        const entry = this.queue.get(id);
        if (entry && (entry.acontextSessionId === null || entry.acontextDiskId === null)) {
          if (entry.acontextSessionId === null) entry.sessionProof = null;
          if (entry.acontextDiskId === null) entry.diskProof = null;
          entry.acontextSessionId ??= acontextSessionId;
          entry.acontextDiskId ??= acontextDiskId;
          entry.leaseId = null;
          entry.nextAttemptAt = entry.claimed ? Math.max(entry.nextAttemptAt, now + MINUTE) : now;
        }
        giveUpAll();
        return { outcome: "deleting" };
      }
      if (row.status === "active") {
        giveUpAll();
        return { outcome: "active", session: this.#view(row) };
      }
      if (this.leases.get(id)?.leaseId !== input.leaseId) return { outcome: "lease_lost" };
      if (
        [...this.sessions.values(), ...this.queue.values()].some((known) =>
          known.acontextSessionId === acontextSessionId || known.acontextDiskId === acontextDiskId
        )
      ) return { outcome: "taken" };
      row.status = "active";
      row.acontextSessionId = acontextSessionId;
      row.acontextDiskId = acontextDiskId;
      row.lastActivityAt = now;
      this.leases.delete(id);
      if (input.uncertain) this.uncertain.add(id);
      this.#queueOrphans(id, owner, input.surplusSessionIds, input.surplusDiskIds);
      return { outcome: "active", session: this.#view(row) };
    });
  }

  releaseSession(
    { sessionId, leaseId, ...made }: Parameters<Store["releaseSession"]>[0],
  ): Promise<void> {
    return this.#call("releaseSession", () => {
      if (this.leases.get(sessionId)?.leaseId === leaseId) this.leases.delete(sessionId);
      const row = this.sessions.get(sessionId);
      if (row?.status === "provisioning") return;
      const { acontextSessionIds, acontextDiskIds } = made;
      const entry = row?.status === "deleting" ? this.queue.get(sessionId) : undefined;
      if (entry) {
        entry.acontextSessionId ??= acontextSessionIds[0] ?? null;
        entry.acontextDiskId ??= acontextDiskIds[0] ?? null;
      }
      this.#queueOrphans(sessionId, row?.userId ?? null, acontextSessionIds, acontextDiskIds);
    });
  }

  requestDeletion(
    { userId, sessionId }: { userId: string; sessionId: string },
    lease: Lease,
  ): Promise<DeletionRequestOutcome> {
    return this.#call("requestDeletion", (now) => {
      const row = this.sessions.get(sessionId);
      if (row?.userId !== userId) return { outcome: "not_found" };
      if (row.status !== "deleting") {
        this.#queueSession(row, "requested", this.settings.deletionGraceMs);
      }
      const entry = this.queue.get(sessionId);
      if (entry === undefined || entry.nextAttemptAt > now) return { outcome: "queued" };
      return { outcome: "claimed", deletion: claim(entry, lease, now) };
    });
  }

  /** Sessions of a user that count towards the quota. */
  #owned(userId: string): number {
    return [...this.sessions.values()].filter((row) =>
      row.userId === userId && row.status !== "deleting"
    ).length;
  }

  restoreSession(
    { userId, sessionId }: { userId: string; sessionId: string },
  ): Promise<RestoreOutcome> {
    return this.#call("restoreSession", (now) => {
      const row = this.sessions.get(sessionId);
      if (row?.userId !== userId) return { outcome: "not_found" };
      if (row.status !== "deleting") return { outcome: "not_deleting" };
      const untouched = this.queue.get(sessionId)?.claimed === false;
      if (!untouched || row.acontextSessionId === null || row.acontextDiskId === null) {
        return { outcome: "too_late" };
      }
      const limit = this.settings.maxSessionsPerUser;
      if (limit !== null && this.#owned(userId) >= limit) {
        return { outcome: "quota_exceeded", limit };
      }
      row.status = "active";
      row.lastActivityAt = now;
      this.queue.delete(sessionId);
      return { outcome: "restored", session: this.#view(row) };
    });
  }

  startRun({ runId, force }: RunRequest): Promise<StartRunOutcome> {
    return this.#call("startRun", () => {
      const run = this.runs.get(runId);
      if (run !== undefined && run.status !== "requested") return { outcome: "duplicate" };
      const { cleanupEnabled, maxPerRun, concurrency } = this.settings;
      this.runs.set(runId, {
        status: cleanupEnabled ? "running" : "finished",
        force: force || (run?.force ?? false),
        expiresSessions: run?.expiresSessions ?? true,
        expiryAllowed: null,
        result: null,
      });
      return cleanupEnabled
        ? { outcome: "started", settings: { maxPerRun, concurrency } }
        : { outcome: "disabled" };
    });
  }

  previewCleanup({ limit, force }: { limit: number; force: boolean }): Promise<Preview> {
    return this.#call("previewCleanup", (now) => ({
      queued: Math.min(limit, this.#dueEntries(now).length),
      expired: Math.min(limit, this.#expired(now).length),
      stale: Math.min(limit, this.#stale(now).length),
      breaker: !this.#expiryAllowed(now, force),
    }));
  }

  queueDue({ runId, limit }: { runId: string; limit: number }): Promise<QueuedDue> {
    return this.#call("queueDue", (now) => {
      const run = this.runs.get(runId);
      if (run === undefined) throw new AppError("database_unavailable");
      const stale = this.#stale(now).slice(0, limit);
      for (const row of stale) this.#queueSession(row, "stale", 0);
      let expired: SessionRow[] = [];
      if (run.expiresSessions) {
        run.expiryAllowed ??= this.#expiryAllowed(now, run.force);
        if (run.expiryAllowed) expired = this.#expired(now).slice(0, limit);
        for (const row of expired) {
          this.#queueSession(row, "expired", this.settings.deletionGraceMs);
        }
      }
      return {
        expired: expired.length,
        stale: stale.length,
        breaker: run.expiresSessions && run.expiryAllowed === false,
        more: expired.length >= limit || stale.length >= limit,
      };
    });
  }

  claimDeletions({ limit }: { limit: number }, lease: Lease): Promise<Deletion[]> {
    return this.#call("claimDeletions", (now) => {
      const due = this.#dueEntries(now).slice(0, limit).map((entry) => claim(entry, lease, now));
      return due.sort((a, b) => a.id < b.id ? -1 : 1);
    });
  }

  settleDeletions(
    leaseId: string,
    settlements: Settlement[],
  ): Promise<{ deleted: number; failed: number; released: number; lost: number }> {
    return this.#call("settleDeletions", (now) => {
      const counts = { deleted: 0, failed: 0, released: 0, lost: 0 };
      for (const settlement of settlements) {
        const entry = this.queue.get(settlement.id);
        if (entry === undefined || entry.leaseId !== leaseId) counts.lost++;
        else counts[this.#settle(entry, settlement, now)]++;
      }
      return counts;
    });
  }

  finishRun(
    runId: string,
    result: RunResult,
  ): Promise<{ remaining: number; dispatched: number }> {
    return this.#call("finishRun", (now) => {
      const run = this.runs.get(runId);
      if (run?.status !== "running") return { remaining: 0, dispatched: 0 };
      run.status = "finished";
      run.result = result;
      const expirable = run.expiresSessions && this.#expiryAllowed(now, run.force);
      const remaining = this.#dueEntries(now).length + this.#stale(now).length +
        (expirable ? this.#expired(now).length : 0);
      return { remaining, dispatched: 0 };
    });
  }

  #settle(
    entry: QueueEntry,
    { session, disk, otherwise, error }: Settlement,
    now: number,
  ): "deleted" | "failed" | "released" {
    entry.sessionProof ??= session ?? null;
    entry.diskProof ??= disk ?? null;
    entry.leaseId = null;
    entry.leasedUntil = 0;
    entry.lastError = error ?? null;
    const backoff = Math.min(30_000 * 2 ** entry.attempts, 6 * 60 * MINUTE);
    entry.nextAttemptAt = now +
      (otherwise === "failed" ? backoff : otherwise === "deferred" ? MINUTE : 0);
    if (otherwise === "failed") entry.attempts++;
    const { id, originId, reason, userId, sessionProof, diskProof, attempts } = entry;
    if (sessionProof === null || diskProof === null) {
      return otherwise === "failed" ? "failed" : "released";
    }
    this.queue.delete(id);
    this.sessions.delete(id);
    this.leases.delete(id);
    this.log.push({ id, originId, reason, userId, sessionProof, diskProof, attempts });
    return "deleted";
  }

  #queueSession(row: SessionRow, reason: Reason, graceMs: number): void {
    row.status = "deleting";
    const { id, userId, acontextSessionId, acontextDiskId } = row;
    const dueAt = Math.max(this.clock.now() + graceMs, this.leases.get(id)?.until ?? 0);
    this.queue.set(id, {
      ...newEntry(id, reason, dueAt),
      userId,
      acontextSessionId,
      acontextDiskId,
    });
  }

  #queueOrphans(
    originId: string,
    userId: string | null,
    sessionIds: string[],
    diskIds: string[],
  ): void {
    const now = this.clock.now();
    const known = [...this.sessions.values(), ...this.queue.values()];
    for (const acontextSessionId of sessionIds) {
      const unnamed = this.sessions.get(acontextSessionId)?.acontextSessionId === null;
      if (unnamed || known.some((other) => other.acontextSessionId === acontextSessionId)) continue;
      const id = `orphan:${acontextSessionId}`;
      const entry = newEntry(id, "orphan", now);
      this.queue.set(id, { ...entry, originId, userId, acontextSessionId, diskProof: "absent" });
    }
    for (const acontextDiskId of diskIds) {
      if (known.some((other) => other.acontextDiskId === acontextDiskId)) continue;
      const id = `orphan:${acontextDiskId}`;
      const entry = newEntry(id, "orphan", now);
      this.queue.set(id, { ...entry, originId, userId, acontextDiskId, sessionProof: "absent" });
    }
  }

  #dueEntries(now: number): QueueEntry[] {
    return [...this.queue.values()].filter(({ nextAttemptAt }) => nextAttemptAt <= now)
      .sort((a, b) => a.nextAttemptAt - b.nextAttemptAt || (a.id < b.id ? -1 : 1));
  }

  #expired(now: number): SessionRow[] {
    return [...this.sessions.values()].filter((row) => {
      const end = this.#expiresAt(row);
      return row.status === "active" && end !== null && end <= now;
    }).sort((a, b) => (this.#expiresAt(a) ?? 0) - (this.#expiresAt(b) ?? 0));
  }

  #stale(now: number): SessionRow[] {
    return [...this.sessions.values()].filter((row) =>
      row.status === "provisioning" &&
      row.createdAt <= now - this.settings.provisioningTimeoutMs &&
      (this.leases.get(row.id)?.until ?? -Infinity) <= now
    );
  }

  #expiryAllowed(now: number, force: boolean): boolean {
    const due = this.#expired(now).length;
    if (force || due < this.settings.breakerMinimum) return true;
    const active = [...this.sessions.values()].filter(({ status }) => status === "active").length;
    return due <= this.settings.breakerFraction * active;
  }

  #expiresAt(row: SessionRow): number | null {
    if (row.pinned) return null;
    return row.lastActivityAt + (row.ttl === null ? this.settings.sessionTtlMs : row.ttl * 1000);
  }

  #view(row: SessionRow): SessionView {
    const { userId: _, createdAt, lastActivityAt, ...rest } = row;
    const end = this.#expiresAt(row);
    const iso = (time: number) => new Date(time).toISOString();
    return {
      ...rest,
      messageCount: 0,
      createdAt: iso(createdAt),
      updatedAt: iso(lastActivityAt),
      lastActivityAt: iso(lastActivityAt),
      expiresAt: end === null ? null : iso(end),
    };
  }

  async #call<Answer>(name: StoreCall, work: (now: number) => Answer): Promise<Answer> {
    if (++this.calls > 20_000) throw new Error(`Cannot call "${name}": a hot loop`);
    const failure = this.failure(name);
    await this.#wait();
    if (failure === "before") throw new AppError("database_unavailable");
    const answer = work(this.clock.now());
    await this.#wait();
    if (failure === "after") throw new AppError("database_unavailable");
    return structuredClone(answer);
  }

  async #wait(): Promise<void> {
    if (this.latencyMs > 0) await this.clock.sleep(this.latencyMs / 2);
  }
}
