import type { Log } from "../../../supabase/functions/_acontext_sessions/core/ports.ts";
import {
  reconcile,
  type ReconcileOptions,
  type ReconcileReport,
} from "../../../supabase/functions/_acontext_sessions/core/reconcile/reconcile.ts";
import { type CatalogOptions, FakeCatalog } from "./catalog.ts";
import { FakeClock } from "./clock.ts";
import { FakeReconcileStore } from "./reconcile_store.ts";
import { uuid } from "./world.ts";

export const HOUR = 60 * 60_000;
export const GRACE = HOUR;
/** Older than any grace period. */
export const OLD = 2 * HOUR;
/** What the fake clock's zero is on the wall. */
export const EPOCH = Date.UTC(2026, 0, 10, 12);

/** What Acontext answers when it fails at one request. */
export const HTTP_500 = { kind: "unknown", detail: "http_500" } as const;

/** The moment so long before the fake clock's zero, as Acontext writes it. */
export function ago(ms: number): string {
  return new Date(EPOCH - ms).toISOString();
}

/** Reconcile with fakes that hold state, on one fake clock. */
export class ReconcileWorld {
  readonly clock = new FakeClock();
  readonly store = new FakeReconcileStore(this.clock);
  readonly catalog: FakeCatalog;
  readonly log: Log = { info() {}, warn() {}, error() {} };
  #lastId = 0x1_0000_0000;

  constructor(options: Omit<CatalogOptions, "clock"> = {}) {
    this.catalog = new FakeCatalog({ clock: this.clock, ...options });
  }

  /** Ids that count up, above those that tests choose. */
  nextId(): string {
    return uuid(++this.#lastId);
  }

  /** Sessions that the database knows, each with both remote resources. Answers their ids. */
  live(count: number): string[] {
    return Array.from({ length: count }, () => {
      const id = this.nextId();
      const acontextDiskId = this.nextId();
      this.store.sessions.set(id, { status: "active", acontextSessionId: id, acontextDiskId });
      this.catalog.addSession(id, id, OLD);
      this.catalog.addDisk(acontextDiskId, id, OLD);
      return id;
    });
  }

  /** Remote sessions that no session knows. Returns their ids. */
  orphanSessions(count: number, ageMs = OLD): string[] {
    return Array.from({ length: count }, () => {
      const id = this.nextId();
      this.catalog.addSession(id, id, ageMs);
      return id;
    });
  }

  /** Disks that no session knows, each under the label of a session that is gone. Returns their ids. */
  orphanDisks(count: number, ageMs = OLD): string[] {
    return Array.from({ length: count }, () => {
      const id = this.nextId();
      this.catalog.addDisk(id, this.nextId(), ageMs);
      return id;
    });
  }

  /** An active session with a second disk that an unanswered call made. Answers that disk's id. */
  secondDisk(sessionId: string, ageMs = OLD): string {
    const id = this.nextId();
    this.catalog.addDisk(id, sessionId, ageMs);
    this.store.uncertain.set(sessionId, this.clock.now() - 3 * HOUR);
    return id;
  }

  reconcile(options: Partial<ReconcileOptions> = {}): Promise<ReconcileReport> {
    const { store, catalog, clock, log } = this;
    return clock.run(reconcile({ store, catalog, clock, log }, {
      runId: this.nextId(),
      dryRun: false,
      force: false,
      timeBudgetMs: 100_000,
      signal: new AbortController().signal,
      ...options,
    }));
  }

  /** Ids of what was queued, in order. */
  queued(): string[] {
    return [...this.store.queued.keys()].sort();
  }

  /** Everything that a run may change. */
  state(): string {
    const { queued, uncertain, position, runs, heldBy } = this.store;
    const { sessions, disks, labels } = this.catalog;
    return JSON.stringify([
      [...queued],
      [...uncertain],
      position,
      [...runs],
      heldBy,
      [...sessions],
      [...disks],
      [...labels],
    ]);
  }
}
