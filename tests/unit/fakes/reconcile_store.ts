import { AppError } from "../../../supabase/functions/_acontext_sessions/core/errors.ts";
import type { Clock } from "../../../supabase/functions/_acontext_sessions/core/ports.ts";
import type {
  Label,
  Marked,
  PassCounts,
  Position,
  ReconcileResult,
  ReconcileStore,
  StartReconcileOutcome,
} from "../../../supabase/functions/_acontext_sessions/core/reconcile/ports.ts";
import { EPOCH, GRACE } from "./reconcile_world.ts";

export interface KnownSession {
  status: "provisioning" | "active" | "deleting";
  acontextSessionId: string | null;
  acontextDiskId: string | null;
}

/**
 * The database functions of the reconcile migration in memory: the same knowledge, grace periods and hold on the walk.
 */
export class FakeReconcileStore implements ReconcileStore {
  readonly sessions = new Map<string, KnownSession>();
  /** Remote ids of what was queued, with the session id in its mark. */
  readonly queued = new Map<string, string>();
  /** By session id: when it became uncertain, on the clock. */
  readonly uncertain = new Map<string, number>();
  readonly runs = new Map<string, ReconcileResult | "running">();
  position: Position = { phase: "sessions", cursor: null };
  pass: PassCounts = { seen: 0, unknown: 0 };
  passesFinished = 0;
  /** What all runs together could not look into. */
  skipped = 0;
  heldBy: string | null = null;
  heldUntil = 0;
  /** Fails these calls. */
  failing = new Set<keyof ReconcileStore>();

  constructor(readonly clock: Clock) {}

  startReconcile(runId: string, holdSeconds: number): Promise<StartReconcileOutcome> {
    return this.#call("startReconcile", () => {
      if (this.runs.has(runId)) return { outcome: "duplicate" };
      const now = this.clock.now();
      if (this.heldBy !== null && this.heldUntil > now) return { outcome: "busy" };
      this.runs.set(runId, "running");
      this.heldBy = runId;
      this.heldUntil = now + holdSeconds * 1000;
      const isNewPass = this.position.phase === "sessions" && this.position.cursor === null;
      if (isNewPass) this.pass = { seen: 0, unknown: 0 };
      return { outcome: "started", ...this.position, ...this.pass };
    });
  }

  findUnknownSessions(items: Marked[]): Promise<string[]> {
    return this.#call("findUnknownSessions", () => this.#unknown(items, "acontextSessionId"));
  }

  findUnknownDisks(items: Marked[]): Promise<string[]> {
    return this.#call("findUnknownDisks", () => this.#unknown(items, "acontextDiskId"));
  }

  findUnknownLabels(items: Label[]): Promise<string[]> {
    return this.#call("findUnknownLabels", () => {
      const queuedOrigins = new Set(this.queued.values());
      return items.filter((item) =>
        this.#isOld(item) && !this.sessions.has(item.originId) && !queuedOrigins.has(item.originId)
      ).map(({ originId }) => originId);
    });
  }

  listUncertain(after: string, limit: number): Promise<string[]> {
    return this.#call("listUncertain", () =>
      [...this.uncertain]
        .filter(([id, since]) =>
          id > after && since <= this.clock.now() - 2 * GRACE &&
          this.sessions.get(id)?.status === "active"
        )
        .map(([id]) => id).sort().slice(0, limit));
  }

  saveProgress(input: Parameters<ReconcileStore["saveProgress"]>[0]) {
    return this.#call("saveProgress", () => {
      const { runId, position, sessions, disks, checked, finished } = input;
      if (this.heldBy !== runId) return { outcome: "lost" as const, queued: 0 };
      const before = this.queued.size;
      const unknown = new Set([
        ...this.#unknown(sessions, "acontextSessionId"),
        ...this.#unknown(disks, "acontextDiskId"),
      ]);
      for (const { id, originId } of [...sessions, ...disks]) {
        if (unknown.has(id)) this.queued.set(id, originId);
      }
      for (const id of checked) this.uncertain.delete(id);
      this.position = position;
      this.pass.seen += input.seen;
      this.pass.unknown += input.unknown;
      this.skipped += input.skipped;
      if (finished) this.passesFinished += 1;
      return { outcome: "saved" as const, queued: this.queued.size - before };
    });
  }

  finishReconcile(runId: string, result: ReconcileResult): Promise<{ dispatched: number }> {
    return this.#call("finishReconcile", () => {
      this.runs.set(runId, result);
      if (this.heldBy === runId) this.heldBy = null;
      return { dispatched: 0 };
    });
  }

  #unknown(items: Marked[], key: "acontextSessionId" | "acontextDiskId"): string[] {
    const known = new Set([...this.sessions.values()].map((session) => session[key]));
    return items.filter((item) => {
      const origin = this.sessions.get(item.originId);
      const isBeingMade = origin !== undefined && origin.status !== "active";
      return this.#isOld(item) && !known.has(item.id) && !isBeingMade && !this.queued.has(item.id);
    }).map(({ id }) => id);
  }

  #isOld({ createdAt }: { createdAt: string }): boolean {
    return Date.parse(createdAt) <= EPOCH + this.clock.now() - GRACE;
  }

  async #call<Answer>(name: keyof ReconcileStore, work: () => Answer): Promise<Answer> {
    if (this.failing.has(name)) throw new AppError("database_unavailable");
    const answer = work();
    await Promise.resolve();
    return structuredClone(answer);
  }
}
