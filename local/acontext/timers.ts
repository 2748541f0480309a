/** The default `sleep`: real timers that can all be ended at once. @module */

export interface Timers {
  sleep(ms: number): Promise<void>;
  /** Ends every sleep now. */
  wakeAll(): void;
}

export function createTimers(): Timers {
  const sleeping = new Map<ReturnType<typeof setTimeout>, () => void>();
  return {
    sleep: (ms) =>
      new Promise((resolve) => {
        const timer = setTimeout(() => {
          sleeping.delete(timer);
          resolve();
        }, ms);
        sleeping.set(timer, resolve);
      }),
    wakeAll() {
      for (const [timer, resolve] of sleeping) {
        clearTimeout(timer);
        resolve();
      }
      sleeping.clear();
    },
  };
}
