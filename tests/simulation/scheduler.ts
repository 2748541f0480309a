/**
 * Virtual time and the order of everything: a queue of events that are carried out one at a time.
 *
 * Between two events all code runs until it waits for an event again, so the order of events, and with it the whole run,
 * depends on nothing but the seed.
 *
 * @module
 */

import { setImmediate } from "node:timers";

/** Whose code an event lets go on: a dead owner's events are dropped, a frozen one's wait. */
export interface Owner {
  readonly alive: boolean;
  readonly frozenUntil: number;
  /** Its code is about to go on; it may die or freeze right here. */
  beforeGoingOn(): void;
}

interface Event {
  at: number;
  order: number;
  owner: Owner | null;
  act(): void | Promise<void>;
}

export class Scheduler {
  /** Virtual milliseconds since the run began. */
  now = 0;
  /** Events carried out so far. */
  steps = 0;
  #order = 0;
  readonly #events: Event[] = [];
  readonly #afterStep: () => boolean;

  /** @param options.afterStep Says whether to go on. */
  constructor({ afterStep }: { afterStep: () => boolean }) {
    this.#afterStep = afterStep;
  }

  /** Plans an event `ms` from now. */
  after(ms: number, act: () => void | Promise<void>, owner: Owner | null = null): void {
    this.#push({ at: this.now + Math.max(0, ms), order: this.#order++, owner, act });
  }

  /** Lets code that needs no event run. False when the run has to stop. */
  async settle(): Promise<boolean> {
    await quiet();
    return this.#afterStep();
  }

  /** Lets `ms` pass, with everything that happens in it. */
  async pass(ms: number): Promise<void> {
    const end = this.now + ms;
    for (let next = this.#events[0]; next && next.at <= end; next = this.#events[0]) {
      if (!await this.#step()) return;
    }
    this.now = end;
  }

  async #step(): Promise<boolean> {
    const event = this.#pop();
    if (event === undefined || event.owner?.alive === false) return true;
    this.now = Math.max(this.now, event.at);
    if (event.owner !== null) {
      if (event.owner.frozenUntil <= this.now) event.owner.beforeGoingOn();
      if (!event.owner.alive) return true;
      if (event.owner.frozenUntil > this.now) {
        this.#push({ ...event, at: event.owner.frozenUntil, order: this.#order++ });
        return true;
      }
    }
    this.steps += 1;
    await event.act();
    return await this.settle();
  }

  /** A binary heap, the soonest event first. */
  #push(event: Event): void {
    const heap = this.#events;
    let index = heap.push(event) - 1;
    while (index > 0) {
      const up = (index - 1) >> 1;
      const parent = heap[up];
      if (parent === undefined || isBefore(parent, event)) break;
      heap[index] = parent;
      index = up;
    }
    heap[index] = event;
  }

  #pop(): Event | undefined {
    const heap = this.#events;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let index = 0;
    while (true) {
      const [left, right] = [heap[2 * index + 1], heap[2 * index + 2]];
      if (left === undefined) break;
      const down = right !== undefined && isBefore(right, left) ? 2 * index + 2 : 2 * index + 1;
      const child = heap[down];
      if (child === undefined || isBefore(last, child)) break;
      heap[index] = child;
      index = down;
    }
    heap[index] = last;
    return first;
  }
}

function isBefore(one: Event, other: Event): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}

/** Ends when all promises that can go on have gone on. Nothing in a simulation waits for real time. */
function quiet(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
