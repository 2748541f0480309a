/**
 * What a run has done so far, entry by entry, and the result that this adds up to.
 *
 * @module
 */
import type { RunError, RunResult, Settled, Settlement, StopReason } from "./ports.ts";

/** Errors that a result lists at most. */
const MAX_ERRORS = 20;

export class Tally {
  #claimed = new Set<string>();
  #failed = new Set<string>();
  #deleted = 0;
  #reported = 0;
  #released = 0;
  #errors: RunError[] = [];
  #problems = new Set<string>();

  /** Entries that the run has taken up; one that was given back and claimed again counts once. */
  get claimed(): number {
    return this.#claimed.size;
  }

  /** Reports made, a repeated one included. */
  get reported(): number {
    return this.#reported;
  }

  /** Entries given back in this round, which are due again. */
  get released(): number {
    return this.#released;
  }

  /** Whether some of what is due could not be moved into the queue. */
  get incomplete(): boolean {
    return this.#problems.size > 0;
  }

  beginRound(): void {
    this.#released = 0;
  }

  /** An entry that failed before gets another chance in the same run. */
  claim(id: string): void {
    this.#claimed.add(id);
    this.#failed.delete(id);
  }

  /** Something of the run itself that failed, while the rest goes on. */
  problem(code: string): void {
    this.#problems.add(code);
  }

  report({ id, disposition, error }: Settlement): void {
    if (disposition === "retry" && error !== undefined) this.#note({ id, error });
    this.#reported += 1;
  }

  /** What the database made of some reports. */
  settle(reports: Settlement[], { deleted, failed, released, kept }: Settled): void {
    this.#deleted += deleted;
    this.#released += released;
    for (const row of kept) {
      this.#failed.add(row.id);
      this.#note(row);
    }
    // Reports under a lost lease are dropped. Which ones does not matter for the count.
    const retried = reports
      .filter(({ id, disposition }) =>
        disposition === "retry" && !kept.some((row) => row.id === id)
      )
      .slice(0, failed - kept.length);
    for (const { id } of retried) this.#failed.add(id);
  }

  #note(error: RunError): void {
    if (this.#errors.length < MAX_ERRORS) this.#errors.push(error);
  }

  result(
    { runId, stopReason, probeMs }: {
      runId: string;
      stopReason: StopReason;
      probeMs: number | null;
    },
  ): RunResult {
    const problems = [...this.#problems].map((error) => ({ id: runId, error }));
    const total = this.#claimed.size;
    const failed = this.#failed.size;
    return {
      total,
      deleted: this.#deleted,
      failed,
      deferred: Math.max(0, total - this.#deleted - failed),
      stopReason,
      errors: [...problems, ...this.#errors],
      probeMs,
    };
  }
}
