import type { CleanupStore } from "../../../supabase/functions/_acontext_sessions/core/cleanup/ports.ts";
import type {
  Deletion,
  LongDeletions,
  Preview,
  QueuedDue,
  RunRequest,
  RunResult,
  Settled,
  Settlement,
  StartRunOutcome,
} from "../../../supabase/functions/_acontext_sessions/core/cleanup/ports.ts";
import { AppError } from "../../../supabase/functions/_acontext_sessions/core/errors.ts";
import type { Clock, Lease } from "../../../supabase/functions/_acontext_sessions/core/ports.ts";
import type {
  ActivateOutcome,
  BeginOutcome,
  DeletionRequestOutcome,
  NewSession,
  QuotaExceeded,
  RefusedUser,
  RestoreOutcome,
  SessionStore,
} from "../../../supabase/functions/_acontext_sessions/core/sessions/ports.ts";
import { dueEntries, expiredSessions, expiryAllowed, staleSessions, viewOf } from "./store_due.ts";
import {
  claim,
  freeSlots,
  isFreshlyWritten,
  isLarge,
  nameRemoteIds,
  queueOrphans,
  queueSession,
  settle,
} from "./store_queue.ts";
import type { QueueEntry, Receipt, Run, SessionRow, Settings, StoreState } from "./store_rows.ts";

export type StoreCall = keyof (SessionStore & CleanupStore);

/**
 * The database functions of supabase/migrations in memory: the same states, leases, stamps, backoff (without jitter),
 * receipts and expiry limit. Each call happens at one moment, half-way through its latency.
 */
export class FakeStore implements SessionStore, CleanupStore, StoreState {
  readonly sessions = new Map<string, SessionRow>();
  readonly leases = new Map<string, { leaseId: string; until: number }>();
  readonly queue = new Map<string, QueueEntry>();
  readonly log: Receipt[] = [];
  readonly runs = new Map<string, Run>();
  readonly users = new Set<string>();
  readonly banned = new Set<string>();
  readonly uncertain = new Set<string>();
  readonly kept = new Set<string>();
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
      const refused = this.#refused(wanted.userId);
      if (refused !== null) return refused;
      const until = now + Math.min(lease.leaseSeconds, 120) * 1000;
      const row = this.sessions.get(wanted.sessionId);
      if (row !== undefined) {
        if (row.userId !== wanted.userId) return { outcome: "not_found" };
        if (row.status === "active") {
          return { outcome: "existing", session: viewOf(this.settings, row) };
        }
        if (row.status === "deleting") return { outcome: "deleting" };
        const held = this.leases.get(row.id);
        if (held !== undefined && held.until > now) {
          return { outcome: "busy", retryAfterMs: held.until - now };
        }
        this.leases.set(row.id, { leaseId: lease.leaseId, until });
        this.uncertain.add(row.id);
        return {
          outcome: "resumed",
          session: viewOf(this.settings, row),
          disableTaskTracking: false,
        };
      }
      const receipt = this.log.find(({ originId }) => originId === wanted.sessionId);
      if (receipt !== undefined) {
        return { outcome: receipt.userId === wanted.userId ? "deleted" : "not_found" };
      }
      const excess = this.#excess(wanted.userId, { makes: true });
      if (excess !== null) return excess;
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
      return {
        outcome: "started",
        session: viewOf(this.settings, made),
        disableTaskTracking: false,
      };
    });
  }

  activateSession(input: Parameters<SessionStore["activateSession"]>[0]): Promise<ActivateOutcome> {
    return this.#call("activateSession", (now) => {
      const { sessionId: id, acontextSessionId, acontextDiskId } = input;
      const row = this.sessions.get(id);
      const owner = row?.userId ?? null;
      const isHolder = this.leases.get(id)?.leaseId === input.leaseId;
      const giveUpAll = () =>
        queueOrphans(this, {
          originId: id,
          userId: owner,
          sessionIds: [...input.surplusSessionIds, acontextSessionId],
          diskIds: [...input.surplusDiskIds, acontextDiskId],
          now,
        });
      if (row === undefined) {
        giveUpAll();
        return { outcome: "deleting" };
      }
      if (row.status === "deleting") {
        if (isHolder) this.leases.delete(id);
        nameRemoteIds(this, { id, sessionId: acontextSessionId, diskId: acontextDiskId, now });
        giveUpAll();
        return { outcome: "deleting" };
      }
      if (row.status === "active") {
        giveUpAll();
        return { outcome: "active", session: viewOf(this.settings, row) };
      }
      if (!isHolder) {
        this.uncertain.add(id);
        return { outcome: "lease_lost" };
      }
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
      queueOrphans(this, {
        originId: id,
        userId: owner,
        sessionIds: input.surplusSessionIds,
        diskIds: input.surplusDiskIds,
        now,
      });
      return { outcome: "active", session: viewOf(this.settings, row) };
    });
  }

  releaseSession(
    { sessionId: id, leaseId, acontextSessionIds: sessionIds, acontextDiskIds: diskIds }:
      Parameters<SessionStore["releaseSession"]>[0],
  ): Promise<void> {
    return this.#call("releaseSession", (now) => {
      const isHolder = this.leases.get(id)?.leaseId === leaseId;
      if (isHolder) this.leases.delete(id);
      if (sessionIds.length + diskIds.length === 0) return;
      const row = this.sessions.get(id);
      if (row?.status === "provisioning") {
        if (!isHolder) this.uncertain.add(id);
        return;
      }
      if (row?.status === "deleting") {
        const [sessionId = null, diskId = null] = [sessionIds[0], diskIds[0]];
        nameRemoteIds(this, { id, sessionId, diskId, now });
      }
      queueOrphans(this, { originId: id, userId: row?.userId ?? null, sessionIds, diskIds, now });
    });
  }

  requestDeletion(
    { userId, sessionId }: { userId: string; sessionId: string },
    { maxMessages }: { maxMessages: number },
    lease: Lease,
  ): Promise<DeletionRequestOutcome> {
    return this.#call("requestDeletion", (now) => {
      const row = this.sessions.get(sessionId);
      if (row?.userId !== userId) return { outcome: "not_found" };
      if (row.status !== "deleting") {
        queueSession(this, row, { reason: "requested", now });
      }
      const entry = this.queue.get(sessionId);
      if (entry === undefined || entry.nextAttemptAt > now || entry.slow) {
        return { outcome: "queued" };
      }
      if (isLarge(entry, maxMessages)) return { outcome: "queued" };
      if (isFreshlyWritten(this, sessionId, now) || freeSlots(this, now) < 1) {
        return { outcome: "queued" };
      }
      return { outcome: "claimed", deletion: claim(entry, lease, { now, holdsSlot: true }) };
    });
  }

  #refused(userId: string): RefusedUser | null {
    if (!this.users.has(userId)) return { outcome: "unknown_user" };
    return this.banned.has(userId) ? { outcome: "banned" } : null;
  }

  /** What is there of a user, and apart from it what is being deleted, each against the quota. */
  #excess(userId: string, { makes }: { makes: boolean }): QuotaExceeded | null {
    const limit = this.settings.maxSessionsPerUser;
    if (limit === null) return null;
    const owned = [...this.sessions.values()].filter((row) => row.userId === userId);
    const deleting = owned.filter(({ status }) => status === "deleting").length;
    const excess = { outcome: "quota_exceeded", limit, setting: "max_sessions_per_user" } as const;
    if (owned.length - deleting >= limit) return { ...excess, counted: "sessions" };
    return makes && deleting >= limit ? { ...excess, counted: "deleting" } : null;
  }

  restoreSession(
    { userId, sessionId }: { userId: string; sessionId: string },
  ): Promise<RestoreOutcome> {
    return this.#call("restoreSession", (now) => {
      const refused = this.#refused(userId);
      if (refused !== null) return refused;
      const row = this.sessions.get(sessionId);
      if (row?.userId !== userId) return { outcome: "not_found" };
      if (row.status !== "deleting") return { outcome: "not_deleting" };
      const untouched = this.queue.get(sessionId)?.claimed === false;
      if (!untouched || row.acontextSessionId === null || row.acontextDiskId === null) {
        return { outcome: "too_late" };
      }
      const excess = this.#excess(userId, { makes: false });
      if (excess !== null) return excess;
      row.status = "active";
      row.lastActivityAt = now;
      this.queue.delete(sessionId);
      this.uncertain.add(sessionId);
      return { outcome: "restored", session: viewOf(this.settings, row) };
    });
  }

  startRun({ runId, force }: RunRequest): Promise<StartRunOutcome> {
    return this.#call("startRun", (now) => {
      const run = this.runs.get(runId);
      if (run !== undefined && run.status !== "requested") return { outcome: "duplicate" };
      const { cleanupEnabled, maxPerRun, msPerMessage } = this.settings;
      const slots = cleanupEnabled ? Math.min(this.settings.concurrency, freeSlots(this, now)) : 0;
      this.runs.set(runId, {
        status: slots > 0 ? "running" : "finished",
        slots,
        force: force || (run?.force ?? false),
        expiresSessions: run?.expiresSessions ?? true,
        expiryAllowed: null,
        result: null,
      });
      if (!cleanupEnabled) return { outcome: "disabled" };
      if (slots < 1) return { outcome: "busy" };
      const settings = { maxPerRun, concurrency: slots, msPerMessage, usualProbeMs: null };
      return { outcome: "started", settings };
    });
  }

  previewSweep({ limit, force }: { limit: number; force: boolean }): Promise<Preview> {
    return this.#call("previewSweep", (now) => {
      const expired = Math.min(limit, expiredSessions(this, now).length);
      const allowed = expiryAllowed(this, { now, force });
      return {
        queued: Math.min(limit, dueEntries(this, now).length),
        expiring: allowed ? expired : 0,
        heldBack: allowed ? 0 : expired,
        stale: Math.min(limit, staleSessions(this, now).length),
        tooManyExpiring: !allowed,
      };
    });
  }

  queueDue({ runId, limit }: { runId: string; limit: number }): Promise<QueuedDue> {
    return this.#call("queueDue", (now) => {
      const run = this.runs.get(runId);
      if (run === undefined) throw new AppError("database_unavailable");
      const stale = staleSessions(this, now).slice(0, limit);
      for (const row of stale) queueSession(this, row, { reason: "stale", now });
      let expired: SessionRow[] = [];
      if (run.expiresSessions) {
        run.expiryAllowed ??= expiryAllowed(this, { now, force: run.force });
        if (run.expiryAllowed) expired = expiredSessions(this, now).slice(0, limit);
        for (const row of expired) queueSession(this, row, { reason: "expired", now });
      }
      return {
        expired: expired.length,
        stale: stale.length,
        erased: 0,
        tooManyExpiring: run.expiresSessions && run.expiryAllowed === false,
        more: expired.length >= limit || stale.length >= limit,
        problems: [],
      };
    });
  }

  claimDeletions(
    { limit, maxMessages }: { limit: number; maxMessages: number },
    lease: Lease,
  ): Promise<Deletion[]> {
    return this.#call("claimDeletions", (now) => {
      const due = dueEntries(this, now)
        .filter((entry) =>
          !entry.slow && !isLarge(entry, maxMessages) && !isFreshlyWritten(this, entry.id, now)
        )
        .slice(0, limit)
        .map((entry) => claim(entry, lease, { now, holdsSlot: false }));
      return due.sort((a, b) => a.id < b.id ? -1 : 1);
    });
  }

  claimLongDeletion(
    { over, fits, never }: LongDeletions,
    lease: Lease,
  ): Promise<Deletion | null> {
    return this.#call("claimLongDeletion", (now) => {
      if (freeSlots(this, now) * 4 <= this.settings.maxRemoteDeletes) return null;
      const entry = dueEntries(this, now).find((entry) =>
        (entry.slow || isLarge(entry, over)) &&
        (!isLarge(entry, fits) || isLarge(entry, never)) &&
        !isFreshlyWritten(this, entry.id, now)
      );
      return entry === undefined ? null : claim(entry, lease, { now, holdsSlot: true });
    });
  }

  settleDeletions(
    leaseId: string,
    settlements: Settlement[],
  ): Promise<Settled> {
    return this.#call("settleDeletions", (now) => {
      const counts = { deleted: 0, failed: 0, released: 0, lost: 0 };
      const kept: Settled["kept"] = [];
      for (const settlement of settlements) {
        const entry = this.queue.get(settlement.id);
        if (entry === undefined || entry.leaseId !== leaseId) counts.lost++;
        else {
          const became = settle(this, { entry, settlement, now });
          if (became === "kept") kept.push({ id: entry.id, error: entry.lastError ?? "" });
          counts[became === "kept" ? "failed" : became]++;
        }
      }
      return { ...counts, kept };
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
      const expirable = run.expiresSessions && expiryAllowed(this, { now, force: run.force });
      const remaining = dueEntries(this, now).length + staleSessions(this, now).length +
        (expirable ? expiredSessions(this, now).length : 0);
      return { remaining, dispatched: 0 };
    });
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
