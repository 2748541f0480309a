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

/** 32 people who type, not 32 machines that never pause. */
const PEOPLE: Setting = { delayMs: 50, clients: 32, everyMs: 400 };

export const PLANS: Record<Scale, Plan> = {
  full: {
    rounds: 5,
    creates: [...settings([0, 25, 50], [1, 8, 32]), PEOPLE],
    messages: [...settings([0, 50], [1, 8, 32]), PEOPLE],
    requestsOf: ({ clients }) => clients === 1 ? 40 : clients * 12,
    loadedMessages: 20,
  },
  quick: {
    rounds: 2,
    creates: settings([50], [1, 4]),
    messages: [
      ...settings([25], [4]),
      { delayMs: 25, clients: 4, everyMs: 100 },
    ],
    requestsOf: ({ clients }) => clients === 1 ? 8 : clients * 3,
    loadedMessages: 10,
  },
};

function settings(delays: number[], clientCounts: number[]): Setting[] {
  return delays.flatMap((delayMs) =>
    clientCounts.map((clients) => ({ delayMs, clients, everyMs: null }))
  );
}
