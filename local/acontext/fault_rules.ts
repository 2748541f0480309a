/** The fault plan: which requests go wrong, and how. @module */

import { z } from "zod";

const milliseconds = z.number().min(0);

const faultSchema = z.discriminatedUnion("kind", [
  /** Answers this status with this body, without any effect. */
  z.object({
    kind: z.literal("status"),
    status: z.int().min(200).max(599),
    body: z.unknown().optional(),
  }),
  /** Answers late. */
  z.object({ kind: z.literal("delay"), ms: milliseconds }),
  /** Drops the connection before or after the effect. */
  z.object({ kind: z.literal("drop"), when: z.enum(["before", "after"]) }),
  /** The server runs, its database does not: each handler answers as the real one maps that. */
  z.object({ kind: z.literal("outage") }),
  /** 429 with `Retry-After`. */
  z.object({ kind: z.literal("throttle"), retryAfterSeconds: z.number().min(0) }),
  /** Claims that the resource is not there, without any effect. */
  z.object({ kind: z.literal("false404") }),
  /** Drops the connection now; the effect lands this much later. */
  z.object({ kind: z.literal("late"), ms: milliseconds }),
  /** The server dies in the middle of a delete, after so many steps: what it has counted down stays so. */
  z.object({ kind: z.literal("die"), afterSteps: z.int().min(0) }),
  /** Has the effect and sends the headers, then a body that never ends. */
  z.object({ kind: z.literal("stall") }),
]);

export const faultRuleSchema = z.object({
  /** A route as the audit names it, such as `DELETE /session/:id`, or `*`. */
  route: z.string().min(1),
  /** Default 1. */
  probability: z.number().min(0).max(1).optional(),
  /** How often the rule may fire; default: always. */
  times: z.int().min(0).optional(),
  /** Only requests whose path and query contain this. */
  match: z.string().optional(),
  fault: faultSchema,
});

export type Fault = z.input<typeof faultSchema>;
export type FaultRule = z.input<typeof faultRuleSchema>;

/** A rule and how often it has fired. */
export type ActiveRule = FaultRule & { fired: number };

/** Faults that end the connection without an answer. */
export function dropsConnections(rules: readonly FaultRule[]): boolean {
  return rules.some(({ fault: { kind } }) => kind === "drop" || kind === "late" || kind === "die");
}

export interface FaultPlan {
  set(rules: readonly FaultRule[]): void;
  list(): ActiveRule[];
  clear(): void;
  /** The fault of the first rule, in order, that matches and fires. */
  pick(route: string, pathAndQuery: string): Fault | null;
}

export function createFaultPlan(random: () => number): FaultPlan {
  let active: ActiveRule[] = [];

  function fires(rule: ActiveRule, route: string, pathAndQuery: string): boolean {
    if (rule.route !== "*" && rule.route !== route) return false;
    if (rule.times !== undefined && rule.fired >= rule.times) return false;
    if (rule.match !== undefined && !pathAndQuery.includes(rule.match)) return false;
    return rule.probability === undefined || random() < rule.probability;
  }
  return {
    set(rules) {
      active = rules.map((rule) => ({ ...rule, fired: 0 }));
    },
    list: () => active.map((rule) => ({ ...rule })),
    clear() {
      active = [];
    },
    pick(route, pathAndQuery) {
      const rule = active.find((candidate) => fires(candidate, route, pathAndQuery));
      if (rule === undefined) return null;
      rule.fired += 1;
      return rule.fault;
    },
  };
}

/** A small seeded generator (mulberry32), uniform in [0, 1). */
export function createSeededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
