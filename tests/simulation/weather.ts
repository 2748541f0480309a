/** What goes wrong with Acontext, the network and the database, and how often. @module */

import type { FaultRule } from "../../local/acontext/fault_rules.ts";
import type { Random } from "./random.ts";

/** Shorter than the shortest grace period of orphans. */
const MINUTES: [number, number] = [20_000, 540_000];
/** About the time of a lease. */
const LEASE: [number, number] = [70_000, 95_000];

export const WEATHERS = [
  "calm",
  "drizzle",
  "storm",
  "liar",
  "lossy",
  "late",
  "slow",
  "stalling",
  "busy",
  "outage",
  "gateway",
  "throttle",
  "database",
] as const;

export type WeatherName = typeof WEATHERS[number];

export interface Weather {
  name: WeatherName;
  /** The stand-in's fault plan. */
  rules: FaultRule[];
  /** Every request fails, for no fault of its own. */
  total: boolean;
  /** Shares of requests that travel, or are worked on, for seconds; and for minutes. */
  slow: number;
  late: number;
  /** Share of database calls that fail, before or after their effect. */
  database: number;
}

const CALM = { rules: [], total: false, slow: 0, late: 0, database: 0 };
/** The server dies in the middle of deletes. */
function dying(random: Random, probability: number): FaultRule {
  const fault = { kind: "die", afterSteps: random.below(6) } as const;
  return { route: "DELETE /session/:id", probability, fault };
}

const ANY = { route: "*" };

/** Draws the details of this kind of weather. */
export function drawWeather(name: WeatherName, random: Random): Weather {
  const often = random.between(0.05, 0.4);
  const some = random.between(0.02, 0.15);
  const lateRule: FaultRule = {
    ...ANY,
    probability: often,
    fault: { kind: "late", ms: drawLateness(random) },
  };
  const drop = (when: "before" | "after", probability: number): FaultRule => ({
    ...ANY,
    probability,
    fault: { kind: "drop", when },
  });
  switch (name) {
    case "calm":
      return { ...CALM, name };
    case "drizzle":
      return {
        name,
        total: false,
        slow: some,
        late: some / 3,
        database: some / 3,
        rules: [
          { ...ANY, probability: some, fault: { kind: "status", status: 500 } },
          drop("before", some / 2),
          drop("after", some),
          { ...lateRule, probability: some / 2 },
          { ...ANY, probability: some / 2, fault: { kind: "throttle", retryAfterSeconds: 2 } },
          { ...ANY, probability: some / 2, fault: { kind: "false404" } },
          { ...ANY, probability: some / 2, fault: { kind: "stall" } },
          dying(random, some),
        ],
      };
    case "storm":
      return {
        name,
        total: false,
        slow: often,
        late: some,
        database: some,
        rules: [
          { ...ANY, probability: some, fault: { kind: "status", status: 500 } },
          { ...ANY, probability: some, fault: { kind: "outage" } },
          dying(random, some),
          drop("before", some),
          drop("after", often),
          lateRule,
          { ...ANY, probability: some, fault: { kind: "false404" } },
          { ...ANY, probability: some, fault: { kind: "stall" } },
          { ...ANY, probability: some, fault: { kind: "status", status: 503, body: "busy" } },
        ],
      };
    case "liar":
      return {
        ...CALM,
        name,
        rules: [{ ...ANY, probability: often, fault: { kind: "false404" } }],
      };
    case "lossy":
      return { ...CALM, name, rules: [drop("after", often), drop("before", some)] };
    case "late":
      return {
        ...CALM,
        name,
        late: often,
        rules: [{ ...lateRule, probability: random.between(0.3, 0.7) }],
      };
    case "slow":
      return { ...CALM, name, slow: often, late: some / 2 };
    case "stalling":
      return { ...CALM, name, rules: [{ ...ANY, probability: often, fault: { kind: "stall" } }] };
    case "busy":
      return {
        ...CALM,
        name,
        rules: [
          { ...ANY, probability: often, fault: { kind: "throttle", retryAfterSeconds: 3 } },
          { ...ANY, probability: some, fault: { kind: "status", status: 500 } },
        ],
      };
    case "outage":
      return { ...CALM, name, total: true, rules: [{ ...ANY, fault: { kind: "outage" } }] };
    case "gateway":
      return {
        ...CALM,
        name,
        total: true,
        rules: [{ ...ANY, fault: { kind: "status", status: 502, body: "bad gateway" } }],
      };
    case "throttle":
      return {
        ...CALM,
        name,
        total: true,
        rules: [{ ...ANY, fault: { kind: "throttle", retryAfterSeconds: 20 } }],
      };
    case "database":
      return { ...CALM, name, database: often };
  }
}

function drawLateness(random: Random): number {
  return random.chance(0.5) ? random.between(...LEASE) : random.between(...MINUTES);
}

/** How long a message is under way, in milliseconds. */
export function drawLatency(random: Random): number {
  return random.chance(0.85) ? random.between(1, 40) : random.between(40, 900);
}

/** How long a request to Acontext is under way, or is worked on. */
export function drawRemoteLatency(random: Random, { slow, late }: Weather): number {
  if (random.chance(late)) return drawLateness(random);
  if (random.chance(slow)) return random.between(1_000, 19_000);
  return drawLatency(random);
}
