/**
 * How many deletes a run has under way at a time: at most what it was granted, fewer while Acontext is slow, so that
 * who else uses it hardly notices.
 *
 * Additive increase, multiplicative decrease, as congestion control does it.
 *
 * @module
 */

const DECREASE = 0.5;
const INCREASE = 0.25;

export class AdaptiveLimit {
  #limit: number;
  #underWay = 0;
  #waiting: (() => void)[] = [];
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
    this.#limit = most;
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
    this.#limit = Math.min(this.#most, this.#limit + INCREASE);
    this.#waiting.shift()?.();
  }

  slower(): void {
    this.#limit = Math.max(1, this.#limit * DECREASE);
  }
}
