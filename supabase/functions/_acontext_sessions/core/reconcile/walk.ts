/**
 * The walk of one reconcile run over Acontext's lists: sessions, then labels and what they own, then the sessions whose
 * making was uncertain. It collects and decides nothing.
 *
 * @module
 */
import { NIL_ID } from "../ids.ts";
import type { Clock, Outcome } from "../ports.ts";
import type {
  Catalog,
  Label,
  Marked,
  Page,
  Position,
  ReconcileStopReason,
  ReconcileStore,
} from "./ports.ts";

/** So that a run's CPU time stays far below the platform's limit. */
const MAX_PAGES = 100;
/** Unknown resources that one call can queue well within the database's time limit for a statement. */
const MAX_FOUND = 1000;
const UNCERTAIN_STEP = 50;
/** Labels looked into at a time. */
const CONCURRENCY = 8;

export interface WalkOptions {
  position: Position;
  /** On the walk's clock. */
  endsAt: number;
  signal: AbortSignal;
  mayRemoveLabels: boolean;
}

/** Ends the walk early; the page it was on is walked again. */
class Interrupted extends Error {
  /** @param detail What Acontext said; null when something else ended the walk. */
  constructor(readonly reason: ReconcileStopReason, readonly detail: string | null = null) {
    super(detail ?? reason);
  }
}

export class ReconcileWalk {
  /** After the last page that was walked to its end. */
  position: Position;
  finished = false;
  seen = 0;
  labelsRemoved = 0;
  skipped = 0;
  error: string | null = null;
  readonly sessions: Marked[] = [];
  readonly disks: Marked[] = [];
  /** Uncertain sessions that were looked into. */
  readonly checked: string[] = [];
  readonly #deps: { store: ReconcileStore; catalog: Catalog; clock: Clock };
  readonly #options: WalkOptions;

  constructor(
    deps: { store: ReconcileStore; catalog: Catalog; clock: Clock },
    options: WalkOptions,
  ) {
    this.#deps = deps;
    this.#options = options;
    this.position = options.position;
  }

  async run(): Promise<ReconcileStopReason> {
    try {
      for (let page = 0; !this.finished; page++) {
        this.#goOn();
        if (page === MAX_PAGES || this.sessions.length + this.disks.length >= MAX_FOUND) {
          return "limit";
        }
        await this.#step(page === 0);
      }
      return "complete";
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
      this.error = error.detail;
      return error.reason;
    }
  }

  #goOn(): void {
    const { endsAt, signal } = this.#options;
    if (signal.aborted) throw new Interrupted("shutdown");
    if (this.#deps.clock.now() >= endsAt) throw new Interrupted("time_budget");
  }

  async #step(isFirst: boolean): Promise<void> {
    const { catalog } = this.#deps;
    const { phase, cursor } = this.position;
    switch (phase) {
      case "sessions": {
        const read = (from: string | null) => catalog.sessionsPage(from);
        const page = valueOf(await (isFirst ? readOrRestart(read, cursor) : read(cursor)));
        return this.#moveOn(await this.#sessionsPage(page), "labels");
      }
      case "labels": {
        const read = (from: string | null) => catalog.labelsPage(from);
        const outcome = await (isFirst ? readOrRestart(read, cursor) : read(cursor));
        // Servers without this list do not know labels either: nothing can be found by them.
        const next = isUnsupported(outcome) ? null : await this.#labelsPage(valueOf(outcome));
        return this.#moveOn(next, "uncertain");
      }
      case "uncertain":
        return this.#moveOn(await this.#uncertainPage(cursor ?? NIL_ID), null);
    }
  }

  #moveOn(next: string | null, nextPhase: Position["phase"] | null): void {
    if (next !== null) {
      this.position = { phase: this.position.phase, cursor: next };
    } else {
      this.finished = nextPhase === null;
      this.position = { phase: nextPhase ?? "sessions", cursor: null };
    }
  }

  async #sessionsPage({ items, skipped, next }: Page<Marked>): Promise<string | null> {
    this.skipped += skipped;
    if (items.length > 0) {
      const unknown = new Set(await this.#deps.store.findUnknownSessions(items));
      this.sessions.push(...items.filter(({ id }) => unknown.has(id)));
      this.seen += items.length;
    }
    return next;
  }

  async #labelsPage({ items, skipped, next }: Page<Label>): Promise<string | null> {
    this.skipped += skipped;
    if (items.length === 0) return next;
    const unknown = new Set(await this.#deps.store.findUnknownLabels(items));
    const dead = items.filter(({ originId }) => unknown.has(originId));
    this.seen += items.length - dead.length;
    await this.#each(dead, (label) => this.#lookIntoDeadLabel(label));
    return next;
  }

  async #lookIntoDeadLabel(label: Label): Promise<void> {
    const { store, catalog } = this.#deps;
    const { originId } = label;
    if (!valueOf(await catalog.isUnused(originId))) {
      const left = await this.#lookForDisks(originId);
      if (left === "unsupported") this.skipped += 1;
    } else if (this.#options.mayRemoveLabels) {
      // Removing it takes along whatever it owns by then. A session has its row before it has anything else, so the row is
      // what is asked for last.
      if ((await store.findUnknownLabels([label])).length === 0) return;
      valueOf(await catalog.removeLabel(originId));
      this.labelsRemoved += 1;
    }
  }

  async #uncertainPage(after: string): Promise<string | null> {
    const ids = await this.#deps.store.listUncertain(after, UNCERTAIN_STEP);
    await this.#each(ids, async (originId) => {
      // One that was left alone, because it looks too young or is queued already, is looked at again.
      const left = await this.#lookForDisks(originId);
      if (typeof left === "number" && left <= 1) this.checked.push(originId);
    });
    return ids.length < UNCERTAIN_STEP ? null : ids.at(-1) ?? null;
  }

  /**
   * Collects the unknown disks. Resolves to how many others there are, for a live session one of its own, or to why that
   * is not known.
   */
  async #lookForDisks(originId: string): Promise<number | "unsupported" | "unreadable"> {
    const { store, catalog } = this.#deps;
    const outcome = await catalog.disksOf(originId);
    if (isUnsupported(outcome)) return "unsupported";
    const { items: disks, skipped } = valueOf(outcome);
    this.skipped += skipped;
    if (disks.length === 0) return skipped > 0 ? "unreadable" : 0;
    const unknown = new Set(await store.findUnknownDisks(disks));
    this.disks.push(...disks.filter(({ id }) => unknown.has(id)));
    this.seen += disks.length;
    return skipped > 0 ? "unreadable" : disks.length - unknown.size;
  }

  async #each<Item>(items: Item[], look: (item: Item) => Promise<void>): Promise<void> {
    const left = items.values();
    const ends = await Promise.allSettled(Array.from({ length: CONCURRENCY }, async () => {
      for (const item of left) {
        this.#goOn();
        await look(item);
      }
    }));
    for (const end of ends) if (end.status === "rejected") throw end.reason;
  }
}

/**
 * The page at a cursor that an earlier run saved. A server that answers the first page but not that one no longer
 * understands the cursor, which would stop every run at the same place: the list is walked from its start.
 */
async function readOrRestart<T>(
  read: (cursor: string | null) => Promise<Outcome<T>>,
  cursor: string | null,
): Promise<Outcome<T>> {
  const outcome = await read(cursor);
  const refused = outcome.kind === "rejected" || outcome.kind === "unknown";
  if (cursor === null || !refused || isUnsupported(outcome)) return outcome;
  const first = await read(null);
  return first.kind === "done" ? first : outcome;
}

function isUnsupported(outcome: Outcome<unknown>): boolean {
  return outcome.kind === "rejected" && outcome.detail === "unsupported";
}

function valueOf<T>(outcome: Outcome<T>): T {
  switch (outcome.kind) {
    case "done":
      return outcome.value;
    case "throttled":
      throw new Interrupted("throttled", "throttled");
    case "absent":
      throw new Interrupted("outage", "http_404");
    default:
      throw new Interrupted("outage", outcome.detail);
  }
}
