/**
 * Tells a service that is down from entries that cannot be deleted.
 *
 * @module
 */
import type { Outcome } from "../ports.ts";

/** So many ailing answers in a row are worth a question. */
const SUSPECTS_IN_A_ROW = 10;

/**
 * Holds back the verdict on ailing entries until it is known whether the service was to blame: then they count no
 * attempt, otherwise each counts as a failure of its own. The question is a probe that needs the service's database, so that a
 * handful of undeletable entries is never taken for an outage.
 */
export class OutageDetector<Suspect> {
  #suspects: Suspect[] = [];
  #inARow = 0;
  /** Answered properly since the last probe began. */
  #aliveMeanwhile = false;
  #down = false;
  #probing: Promise<boolean> | null = null;
  readonly #probe: () => Promise<Outcome<null>>;
  readonly #decide: (suspect: Suspect, sickIsFailure: boolean) => void;

  constructor(
    { probe, decide }: {
      probe: () => Promise<Outcome<null>>;
      decide: (suspect: Suspect, sickIsFailure: boolean) => void;
    },
  ) {
    this.#probe = probe;
    this.#decide = decide;
  }

  /** Something was answered properly: what ailed so far ailed on its own. */
  alive(): void {
    this.#aliveMeanwhile = true;
    this.#inARow = 0;
    this.#decideAll(true);
  }

  /** Adds an ailing entry; answers whether the service is down. */
  async suspect(suspect: Suspect): Promise<boolean> {
    this.#suspects.push(suspect);
    this.#inARow += 1;
    if (this.#down) {
      this.acquit();
      return true;
    }
    if (this.#inARow < SUSPECTS_IN_A_ROW) return false;
    this.#probing ??= this.#isDown().finally(() => this.#probing = null);
    return await this.#probing;
  }

  /** No more suspects come: decides on those that are left. Answers whether the service is down. */
  async close(): Promise<boolean> {
    return this.#suspects.length > 0 && await this.#isDown();
  }

  /** Decides that what ailed so far is not to blame, without asking the service. */
  acquit(): void {
    this.#decideAll(false);
  }

  async #isDown(): Promise<boolean> {
    this.#aliveMeanwhile = false;
    const probed = await this.#probe();
    this.#down = probed.kind !== "done" && !this.#aliveMeanwhile;
    if (this.#down) this.acquit();
    else this.alive();
    return this.#down;
  }

  #decideAll(sickIsFailure: boolean): void {
    for (const suspect of this.#suspects.splice(0)) this.#decide(suspect, sickIsFailure);
  }
}
