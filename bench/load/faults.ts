/** How Acontext misbehaves. @module */

import type { FaultRule } from "../../local/acontext/fault_rules.ts";

/** On a good day each call takes this long. */
export const DELAY_MS = 25;

const USUAL: FaultRule = { route: "*", fault: { kind: "delay", ms: DELAY_MS } };

/** Routes on which Acontext also answers 404 when it could not look. */
const LYING = [
  "DELETE /session/:id",
  "DELETE /disk/:id",
  "POST /session/:id/messages",
  "GET /session/:id/messages",
];

export const GOOD_DAY: FaultRule[] = [USUAL];

/** The first rule that fires decides, so the shares add up to about 7 % of all calls. */
export const BAD_DAY: FaultRule[] = [
  { route: "*", probability: 0.02, fault: { kind: "status", status: 500 } },
  { route: "*", probability: 0.01, fault: { kind: "drop", when: "before" } },
  { route: "*", probability: 0.01, fault: { kind: "drop", when: "after" } },
  { route: "*", probability: 0.01, fault: { kind: "throttle", retryAfterSeconds: 1 } },
  { route: "*", probability: 0.01, fault: { kind: "delay", ms: 1_000 } },
  ...LYING.map((route): FaultRule => ({ route, probability: 0.01, fault: { kind: "false404" } })),
  // Not for deletes: one that lands while its repetition is under way would be two at a time.
  ...["POST /session", "POST /disk"].map((route): FaultRule => ({
    route,
    probability: 0.01,
    fault: { kind: "late", ms: 500 },
  })),
  USUAL,
];
