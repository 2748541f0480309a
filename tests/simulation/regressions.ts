/** Plans that once failed, shrunk. Each names what was wrong. @module */

import type { Act, Job, Plan, Profile } from "./plan.ts";

export interface Regression {
  name: string;
  plan: Plan;
}

const profile: Profile = {
  version: "new",
  population: 0,
  concurrency: 4,
  maxPerRun: 2000,
  maxWorkers: 3,
  deletionGrace: 0,
  orphanGrace: 600,
  sessionTtl: 2_592_000,
  maxExpiryMinimum: 3,
  maxSessionsPerUser: null,
  maxRemoteDeletes: 32,
  meeting: 0,
};

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** Whole plans that found something and are clean now, one in a line, by the run seed that drew them at that time. */
const UNSHRUNK = new URL("./regressions.jsonl", import.meta.url);

export async function readUnshrunk(): Promise<{ found: number; plan: Plan }[]> {
  const lines = (await Deno.readTextFile(UNSHRUNK)).trim().split("\n");
  return lines.map((line) => {
    const { found, plan } = JSON.parse(line);
    // What was drawn before a part of the profile was invented has its usual value.
    return { found, plan: { ...plan, profile: { ...profile, ...plan.profile } } };
  });
}

const fate = null;
const weather = { do: "weather", weather: "calm" } as const;
const frozen = { end: "freeze", at: 1, ms: 84_000 } as const;
const lostList = { kind: "status", status: 500 } as const;
const create = { do: "create", slot: 0, stranger: false, pinned: false, ttl: null, fate } as const;
const remove = { do: "delete", slot: 0, stranger: false, fate } as const;
const sweep = { do: "run", task: "sweep", dryRun: false, force: false, limit: null, fate } as const;
const reconcile = { ...sweep, task: "reconcile" } as const;
const purge: Act = { do: "cron", job: "purge", deliveries: [20], fate };

/** Every worker freezes before it has done anything, for longer than its time, and nobody looks for a month. */
function idleChain(job: Job): Regression {
  return {
    name: `runs that got nothing done do not call the next endlessly: ${job}`,
    plan: {
      seed: 2120428875,
      profile,
      commands: [
        { wait: 0, key: 1, ...create },
        { wait: 2_000, key: 2, do: "operator", sql: "delete all rows", slot: 0 },
        {
          wait: 200,
          key: 3,
          do: "cron",
          job,
          deliveries: [20],
          fate: { end: "freeze", at: 0, ms: 100_000 },
        },
        { wait: 30 * DAY, key: 4, do: "use", slot: 3 },
      ],
    },
  };
}

export const REGRESSIONS: readonly Regression[] = [
  {
    name: "an id is not used again while the queue names its earlier life's session",
    plan: {
      seed: 1846288291,
      profile,
      commands: [
        { wait: 0, key: 1, do: "settings", changes: { log_retention: "1 day" } },
        { wait: 20, key: 2, do: "weather", weather: "late" },
        { wait: 20, key: 3, ...create },
        { wait: 15_000, key: 4, ...remove },
        { wait: 2 * 60_000, key: 5, do: "weather", weather: "calm" },
        { wait: 100, key: 6, ...sweep },
        { wait: 3 * HOUR, key: 7, ...reconcile },
        { wait: 2 * DAY, key: 8, ...purge },
        { wait: 100, key: 9, ...create },
        { wait: 50, key: 10, ...sweep },
      ],
    },
  },
  {
    name: "an id is not used again before reconcile has looked for what its earlier life left",
    plan: {
      seed: 7,
      profile,
      commands: [
        { wait: 0, key: 1, do: "settings", changes: { log_retention: "1 day" } },
        { wait: 20, key: 2, do: "weather", weather: "late" },
        { wait: 20, key: 3, ...create },
        { wait: 15_000, key: 4, ...remove },
        { wait: 2 * 60_000, key: 5, ...sweep },
        { wait: 2 * DAY, key: 6, ...purge },
        { wait: 100, key: 7, do: "weather", weather: "calm" },
        { wait: 100, key: 8, ...create },
      ],
    },
  },
  {
    name: "a run that only met 429s does not call the next one endlessly",
    plan: {
      seed: 1884021980,
      profile: { ...profile, maxPerRun: 1, concurrency: 2 },
      commands: [
        { wait: 0, key: 1, ...create },
        { wait: 2_000, key: 2, ...create, slot: 1 },
        { wait: 2_000, key: 3, do: "operator", sql: "delete all rows", slot: 0 },
        { wait: 200, key: 4, do: "weather", weather: "throttle" },
        { wait: 200, key: 5, do: "cron", job: "retry", deliveries: [20], fate },
        { wait: 2 * DAY, key: 6, do: "use", slot: 3 },
      ],
    },
  },
  idleChain("nightly"),
  idleChain("reconcile"),
  {
    name:
      "a caller that fails tells what it made for a session that another has bound to its deletion",
    plan: {
      seed: 2077418982,
      profile,
      commands: [
        { wait: 0, key: 1, ...weather },
        {
          wait: 10,
          key: 2,
          do: "mishap",
          route: "POST /disk",
          fault: { kind: "late", ms: 82_000 },
        },
        { wait: 10, key: 3, do: "mishap", route: "GET /session", fault: lostList },
        { wait: 10, key: 4, ...create, fate: frozen },
        {
          wait: 5_000,
          key: 5,
          do: "mishap",
          route: "POST /disk",
          fault: { kind: "delay", ms: 9_000 },
        },
        { wait: 74_000, key: 6, ...create },
        { wait: 3_500, key: 7, ...remove },
        { wait: 90_000, key: 8, ...sweep },
      ],
    },
  },
];
