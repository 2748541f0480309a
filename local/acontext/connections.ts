/**
 * The server's pool of database connections (100 by default, API 0.1.41).
 *
 * A delete of a session or a disk holds one from its beginning to its end, and wants another each time it counts down. So
 * with as many deletes under way as there are connections, each waits for one that no other gives back, and so does
 * everybody else, until callers go away. Where none is wanted in vain nothing waits, not even for a microtask.
 *
 * @module
 */

import { dropped } from "./fault_effects.ts";

export interface Connections {
  setSize(size: number): void;
  /** As many as at first. */
  reset(): void;
  /**
   * Takes a connection for a longer time, and answers what gives it back; a promise only when one has to be waited for.
   *
   * @throws when the caller goes away meanwhile.
   */
  hold(signal: AbortSignal): (() => void) | Promise<() => void>;
  /** Waits until a connection could be had for a moment; null when that is now. */
  moment(signal: AbortSignal): Promise<void> | null;
  /** Ends all waiting. */
  close(): void;
}

interface Waiting {
  serve(): void;
  drop(): void;
}

export function createConnections(size: number): Connections {
  const usual = size;
  let held = 0;
  let queue: Waiting[] = [];

  function giveBack(): void {
    held -= 1;
    serve();
  }

  function serve(): void {
    while (held < size && queue.length > 0) queue.shift()?.serve();
  }

  function take(): () => void {
    held += 1;
    let given = false;
    return () => {
      if (given) return;
      given = true;
      giveBack();
    };
  }

  /** In the order of asking. */
  function wait(signal: AbortSignal): Promise<() => void> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        signal.removeEventListener("abort", waiting.drop);
        queue = queue.filter((other) => other !== waiting);
      };
      const waiting: Waiting = {
        serve() {
          leave();
          resolve(take());
        },
        drop() {
          leave();
          reject(dropped());
        },
      };
      if (signal.aborted) return waiting.drop();
      signal.addEventListener("abort", waiting.drop);
      queue.push(waiting);
    });
  }

  function setSize(connections: number): void {
    size = connections;
    serve();
  }

  return {
    setSize,
    reset: () => setSize(usual),
    hold: (signal) => held < size ? take() : wait(signal),
    moment: (signal) => held < size ? null : wait(signal).then((give) => give()),
    close() {
      for (const waiting of [...queue]) waiting.drop();
    },
  };
}
