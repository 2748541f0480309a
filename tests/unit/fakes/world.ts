import {
  sweep,
  type SweepOptions,
  type SweepReport,
} from "../../../supabase/functions/_acontext_sessions/core/cleanup/sweep.ts";
import type { Log, Randomness } from "../../../supabase/functions/_acontext_sessions/core/ports.ts";
import type { CreateInput } from "../../../supabase/functions/_acontext_sessions/core/sessions/create_session.ts";
import { FakeAcontext } from "./acontext.ts";
import { FakeClock } from "./clock.ts";
import { FakeStore } from "./store.ts";
import type { QueueEntry, SessionRow, Settings } from "./store_rows.ts";

export const ALICE = "a0000000-0000-4000-8000-000000000000";
export const BOB = "b0000000-0000-4000-8000-000000000000";
export const DAY = 24 * 60 * 60_000;

export interface WorldOptions {
  /** Of each call to Acontext. */
  latencyMs?: number;
  /** Of each call to the database. */
  storeLatencyMs?: number;
  useUuid?: boolean;
  labels?: boolean;
  settings?: Partial<Settings>;
}

/** Ids that count up, so that a failing test reads the same each time, and above those that tests choose. */
function countingRandomness(): Randomness {
  let last = 0;
  return { uuid: () => uuid(0x1_0000_0000 + ++last) };
}

export function uuid(number: number): string {
  return `00000000-0000-4000-8000-${number.toString(16).padStart(12, "0")}`;
}

/** The whole system around the core, with fakes that hold state, on one fake clock. */
export class World {
  readonly clock = new FakeClock();
  readonly random = countingRandomness();
  readonly acontext: FakeAcontext;
  readonly store: FakeStore;
  /** From a worker's start to its end. */
  lifetimeMs = 400_000;
  /** Aborted when the worker is about to be shut down. */
  shutdown = new AbortController().signal;
  /** What went on after an answer. */
  readonly #inBackground = new Set<Promise<void>>();
  /** What was logged as wrong. */
  readonly events: string[] = [];
  readonly log: Log = {
    info() {},
    warn: (event) => void this.events.push(event),
    error: (event) => void this.events.push(event),
  };

  constructor(options: WorldOptions = {}) {
    this.acontext = new FakeAcontext({ clock: this.clock, random: this.random, ...options });
    this.store = new FakeStore(this.clock, {
      cleanupEnabled: true,
      sessionTtlMs: 30 * DAY,
      provisioningTimeoutMs: 600_000,
      deletionGraceMs: 0,
      maxSessionsPerUser: null,
      maxPerRun: 2000,
      concurrency: 16,
      maxRemoteDeletes: 64,
      msPerMessage: null,
      maxExpiryFraction: 0.5,
      maxExpiryMinimum: 100_000,
      ...options.settings,
    }, options.storeLatencyMs);
    this.store.users.add(ALICE).add(BOB);
  }

  run<Value>(work: Promise<Value>): Promise<Value> {
    return this.clock.run(work);
  }

  input(input: Partial<CreateInput> = {}): CreateInput {
    return { userId: ALICE, title: null, metadata: {}, ttl: null, pinned: false, ...input };
  }

  /** Active sessions with both remote resources, last used `ageMs` ago. */
  active(count: number, ageMs = 0): SessionRow[] {
    return Array.from({ length: count }, () => {
      const id = this.random.uuid();
      const acontextDiskId = this.random.uuid();
      this.acontext.sessions.set(id, id);
      this.acontext.disks.set(acontextDiskId, id);
      const row: SessionRow = {
        id,
        userId: ALICE,
        status: "active",
        title: null,
        metadata: {},
        pinned: false,
        ttl: null,
        acontextSessionId: id,
        acontextDiskId,
        createdAt: this.clock.now() - ageMs,
        lastActivityAt: this.clock.now() - ageMs,
      };
      this.store.sessions.set(id, row);
      return row;
    });
  }

  expired(count: number): SessionRow[] {
    return this.active(count, 31 * DAY);
  }

  /** One active session. */
  one(): SessionRow {
    const [row] = this.active(1);
    if (row === undefined) throw new Error("Cannot make a session");
    return row;
  }

  /** A session whose maker died long ago, with this many marked disks and, maybe, a remote session. */
  halfMade({ session, disks }: { session: boolean; disks: number }): SessionRow {
    const [row] = this.active(1, DAY);
    if (row === undefined) throw new Error("Cannot make a session");
    if (!session) this.acontext.sessions.delete(row.id);
    this.acontext.disks.delete(row.acontextDiskId ?? "");
    for (let disk = 0; disk < disks; disk++) this.acontext.disks.set(this.random.uuid(), row.id);
    row.status = "provisioning";
    row.acontextSessionId = null;
    row.acontextDiskId = null;
    return row;
  }

  sweep(options: Partial<SweepOptions> = {}): Promise<SweepReport> {
    this.shutdown = options.signal ?? this.shutdown;
    return sweep(this.deps, {
      runId: this.random.uuid(),
      dryRun: false,
      force: false,
      limit: null,
      timeBudgetMs: 100_000,
      signal: this.shutdown,
      ...options,
    });
  }

  get deps() {
    const { store, acontext, clock, random, log, lifetimeMs: totalMs } = this;
    const deletes = {
      timeoutMs: 120_000,
      worker: () => ({ endsAt: clock.now() + totalMs, totalMs, shutdown: this.shutdown }),
    };
    const background = (work: Promise<void>) => {
      const done = work.finally(() => this.#inBackground.delete(done));
      this.#inBackground.add(done);
    };
    return { store, acontext, clock, random, log, deletes, background };
  }

  /** Resolves when nothing goes on after an answer. */
  async settled(): Promise<void> {
    await Promise.all(this.#inBackground);
  }

  /** The queue's entry, which must be there. */
  entry(id: string): QueueEntry {
    const entry = this.store.queue.get(id);
    if (entry === undefined) throw new Error(`Cannot find "${id}" in the queue`);
    return entry;
  }

  /** What is left of everything: rows, queue entries, held leases, remote resources. */
  left(): { rows: number; queued: number; leased: number; sessions: number; disks: number } {
    return {
      rows: this.store.sessions.size,
      queued: this.store.queue.size,
      leased: [...this.store.queue.values()].filter(({ leaseId }) => leaseId !== null).length,
      sessions: this.acontext.sessions.size,
      disks: this.acontext.disks.size,
    };
  }

  /** Marked remote resources that nothing in the database leads to. */
  leaked(): string[] {
    const named = [...this.store.sessions.values(), ...this.store.queue.values()];
    const reachable = (key: "acontextSessionId" | "acontextDiskId", id: string, mark: string) =>
      named.some((known) => known[key] === id || (known.id === mark && known[key] === null));
    const leaks: string[] = [];
    for (const [id, mark] of this.acontext.sessions) {
      if (mark !== null && !reachable("acontextSessionId", id, mark)) leaks.push(id);
    }
    for (const [id, label] of this.acontext.disks) {
      if (label !== null && !reachable("acontextDiskId", id, label)) leaks.push(id);
    }
    return leaks;
  }
}

export const NOTHING_LEFT = { rows: 0, queued: 0, leased: 0, sessions: 0, disks: 0 };
