/**
 * How many deletes a run has under way at a time: at most what it was granted, fewer while Acontext is slow, so that
 * who else uses it hardly notices.
 *
 * As congestion control does it: a slow start that doubles until something is slow, then additive increase,
 * multiplicative decrease. With all at once, the first second of every run would be what other clients notice.
 *
 * @module
 */

const START = 0.25;
const DECREASE = 0.5;
const INCREASE = 0.125;

export class AdaptiveLimit {
  #limit: number;
  #starting = true;
  #underWay = 0;
  #waiting: (() => void)[] = [];
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
    this.#limit = most * START;
  }

  get limit(): number {
    return Math.max(1, Math.floor(this.#limit));
  }

  /** Resolves when one more may be under way. Each call is followed by one of {@link leave}. */
  async enter(): Promise<void> {
    while (this.#underWay >= this.limit) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#underWay += 1;
  }

  leave(): void {
    this.#underWay -= 1;
    this.#waiting.shift()?.();
  }

  faster(): void {
    const faster = this.#starting ? this.#limit * 2 : this.#limit + INCREASE;
    this.#limit = Math.min(this.#most, faster);
    // Each looks for itself whether it fits.
    for (const enter of this.#waiting.splice(0)) enter();
  }

  slower(): void {
    this.#starting = false;
    this.#limit = Math.max(1, this.#limit * DECREASE);
  }
}
