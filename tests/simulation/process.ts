/** A running piece of the system that can crash or freeze: a client's call or a cleanup worker. @module */

import type { Clock } from "../../supabase/functions/_acontext_sessions/core/ports.ts";
import type { Random } from "./random.ts";
import type { Owner, Scheduler } from "./scheduler.ts";

/** Something on its way from a process; a crash may lose it. */
export interface Trip {
  to: "database" | "acontext";
  lost: boolean;
}

export type ProcessKind =
  | "create"
  | "delete"
  | "restore"
  | "say"
  | "upload"
  | "copy"
  | "sweep"
  | "reconcile";

export class Process implements Owner {
  alive = true;
  frozenUntil = 0;
  endedAt: number | null = null;
  /** What it came to, once it has ended. */
  outcome: string | null = null;
  /** The session that it makes or deletes, once known. */
  sessionId: string | null = null;
  /** Under which it makes that session. */
  leaseId: string | null = null;
  /** Why what it made may be left for reconcile to find; null while all went as it should. */
  excuse: string | null = null;
  /** Requests to Acontext that met a fault. */
  mishaps: string[] = [];
  /** What happens to it on its way. */
  fate: { at: number; meet(process: Process): void } | null = null;
  /** How often its code has gone on. */
  #points = 0;
  readonly startedAt: number;
  readonly trips = new Set<Trip>();
  readonly shutdown = new AbortController();
  readonly clock: Clock;

  constructor(
    readonly name: string,
    readonly kind: ProcessKind,
    readonly random: Random,
    readonly scheduler: Scheduler,
  ) {
    this.startedAt = scheduler.now;
    this.clock = {
      now: () => scheduler.now,
      sleep: (ms, signal) =>
        new Promise((resolve) => {
          if (signal?.aborted) return resolve();
          signal?.addEventListener("abort", () => resolve(), { once: true });
          scheduler.after(ms, resolve, this);
        }),
    };
  }

  beforeGoingOn(): void {
    if (this.fate !== null && this.#points++ === this.fate.at) this.fate.meet(this);
  }

  get running(): boolean {
    return this.alive && this.endedAt === null;
  }

  end(outcome: string): void {
    this.outcome = outcome;
    this.endedAt = this.scheduler.now;
    // Longer than a lease: somebody else may have taken over meanwhile.
    if (this.endedAt - this.startedAt > 75_000) this.excuse ??= "slow";
  }

  /** It never goes on. What it sent may still arrive. */
  crash(): void {
    this.alive = false;
    this.excuse = "crashed";
    for (const trip of this.trips) trip.lost = this.random.chance(0.5);
  }

  /** It never goes on, and the database that it called is not there any more. */
  cutOff(): void {
    if (this.running) this.crash();
    for (const trip of this.trips) trip.lost ||= trip.to === "database";
  }

  freeze(ms: number): void {
    this.frozenUntil = Math.max(this.frozenUntil, this.scheduler.now + ms);
    this.excuse ??= "frozen";
  }
}
