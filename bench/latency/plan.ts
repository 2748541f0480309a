/** What is measured at which scale. @module */

import type { Scale } from "../benchmark.ts";
import type { Setting } from "./result.ts";

export interface Plan {
  rounds: number;
  creates: Setting[];
  messages: Setting[];
  /** By all clients of a setting together, in one round. */
  requestsOf: (setting: Setting) => number;
  loadedMessages: number;
}

export const PLANS: Record<Scale, Plan> = {
  full: {
    rounds: 5,
    creates: settings([0, 25, 50], [1, 8, 32]),
    messages: [
      ...settings([0, 50], [1, 8, 32]),
      // 32 people who type, and not 32 machines that hammer.
      { delayMs: 50, clients: 32, everyMs: 250 },
    ],
    requestsOf: ({ clients }) => clients === 1 ? 60 : clients * 16,
    loadedMessages: 20,
  },
  quick: {
    rounds: 2,
    creates: settings([50], [1, 8]),
    messages: [
      ...settings([25], [1, 8]),
      { delayMs: 25, clients: 8, everyMs: 100 },
    ],
    requestsOf: ({ clients }) => clients === 1 ? 10 : clients * 4,
    loadedMessages: 20,
  },
};

function settings(delays: number[], clientCounts: number[]): Setting[] {
  return delays.flatMap((delayMs) =>
    clientCounts.map((clients) => ({ delayMs, clients, everyMs: null }))
  );
}
