/** Timers that the test moves: what waits is woken at once, and the time is later. @module */

export interface FakeTimers extends Disposable {
  /** Milliseconds since the start. */
  now(): number;
  /** Lets time pass until `work` has ended. */
  through<T>(work: Promise<T>): Promise<T>;
}

interface Timer {
  id: number;
  at: number;
  run: () => void;
}

/** Takes the place of `setTimeout` until it is disposed. */
export function fakeTimers(): FakeTimers {
  const real = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout };
  const timers: Timer[] = [];
  let now = 0;
  let lastId = 0;

  function fakeSetTimeout(run: (...args: unknown[]) => void, ms = 0, ...args: unknown[]): number {
    timers.push({ id: ++lastId, at: now + ms, run: () => run(...args) });
    return lastId;
  }
  function fakeClearTimeout(id?: number): void {
    const index = timers.findIndex((timer) => timer.id === id);
    if (index >= 0) timers.splice(index, 1);
  }
  Object.assign(globalThis, { setTimeout: fakeSetTimeout, clearTimeout: fakeClearTimeout });

  /** Everything that does not wait for time gets its turn. */
  async function settle(): Promise<void> {
    for (let turn = 0; turn < 5; turn++) {
      await new Promise<void>((resolve) => real.setTimeout(resolve, 0));
    }
  }

  return {
    now: () => now,
    async through(work) {
      let over = false;
      const end = () => over = true;
      work.then(end, end);
      for (await settle(); !over; await settle()) {
        timers.sort((a, b) => a.at - b.at);
        const next = timers.shift();
        if (next === undefined) continue;
        now = Math.max(now, next.at);
        next.run();
      }
      return await work;
    },
    [Symbol.dispose]() {
      Object.assign(globalThis, real);
    },
  };
}
