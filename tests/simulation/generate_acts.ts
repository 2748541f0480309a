/** Single events, drawn at random. @module */

import fc from "fast-check";
import type { Fault } from "../../local/acontext/fault_rules.ts";
import {
  type Act,
  type Command,
  type Fate,
  type OperatorSql,
  type Route,
  SLOTS,
  USERS,
} from "./plan.ts";
import { WEATHERS } from "./weather.ts";

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** The same few sessions again and again. */
export const slot: fc.Arbitrary<number> = fc.oneof(
  { weight: 3, arbitrary: fc.constant(0) },
  { weight: 3, arbitrary: fc.nat(SLOTS - 1) },
);
const rarely = fc.nat(9).map((n) => n === 9);

/** Most events overlap; some come when the last have settled; a few after a lease, a grace period or a lifetime. */
export const wait: fc.Arbitrary<number> = fc.oneof(
  { weight: 40, arbitrary: fc.nat(120) },
  { weight: 15, arbitrary: fc.integer({ min: 120, max: 3_000 }) },
  { weight: 10, arbitrary: fc.integer({ min: 3_000, max: 100_000 }) },
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      82_000,
      2 * MINUTE,
      8 * MINUTE,
      11 * MINUTE,
      65 * MINUTE,
      3 * HOUR,
      DAY + MINUTE,
    ),
  },
  { weight: 1, arbitrary: fc.constantFrom(31 * DAY, 92 * DAY) },
);

const at = fc.nat(9);
const freezes = fc.constantFrom(5_000, 30_000, 55_000, 62_000, 70_000, 85_000, 100_000, 200_000);

/** From a few seconds to a few minutes. */
const lateness = fc.oneof(
  fc.integer({ min: 2_000, max: 20_000 }),
  fc.integer({ min: 40_000, max: 100_000 }),
  fc.integer({ min: 100_000, max: 540_000 }),
);

/** What becomes of one process in a few. */
export function fate(
  { crash, freeze, none }: { crash: number; freeze: number; none: number },
): fc.Arbitrary<Fate | null> {
  return fc.oneof(
    { weight: none, arbitrary: fc.constant(null) },
    { weight: crash, arbitrary: fc.record({ end: fc.constant("crash" as const), at }) },
    {
      weight: Math.ceil(crash / 3),
      arbitrary: fc.record({ end: fc.constant("shut down" as const), at }),
    },
    {
      weight: freeze,
      arbitrary: fc.record({ end: fc.constant("freeze" as const), at, ms: freezes }),
    },
  );
}

const someFate = fate({ none: 75, crash: 15, freeze: 10 });

/** Handed over once, lost, or twice. */
const deliveries = fc.oneof(
  { weight: 6, arbitrary: fc.constant<number[]>([20]) },
  { weight: 1, arbitrary: fc.constant<number[]>([]) },
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 9_000 }).map((later) => [20, 20 + later]) },
);

export const ACTS = {
  create: fc.record({
    do: fc.constant("create" as const),
    slot: fc.oneof({ weight: 9, arbitrary: slot }, { weight: 1, arbitrary: fc.constant(null) }),
    stranger: rarely,
    pinned: rarely,
    ttl: fc.constantFrom(null, null, 60, 3_600),
    fate: someFate,
  }),
  use: fc.record({ do: fc.constant("use" as const), slot }),
  upload: fc.record({
    do: fc.constant("upload" as const),
    slot,
    name: fc.nat(2),
    content: fc.nat(1),
  }),
  pin: fc.record({ do: fc.constant("pin" as const), slot, pinned: fc.boolean() }),
  remove: fc.record({
    do: fc.constant("delete" as const),
    slot,
    stranger: rarely,
    fate: someFate,
  }),
  restore: fc.record({ do: fc.constant("restore" as const), slot }),
  copy: fc.record({ do: fc.constant("copy" as const), slot }),
  eraseUser: fc.record({ do: fc.constant("erase user" as const), user: fc.nat(USERS - 1) }),
  operator: fc.record({
    do: fc.constant("operator" as const),
    sql: fc.constantFrom<OperatorSql[]>(
      "delete row",
      "delete row",
      "delete all rows",
      "delete queue row",
      "truncate rows",
      "truncate queue",
      "bind other disk",
      "insert active row",
    ),
    slot,
  }),
  settings: fc.record({
    do: fc.constant("settings" as const),
    changes: fc.constantFrom<Record<string, string | number | boolean | null>[]>(
      { session_ttl: "1 minute" },
      { session_ttl: "1 hour" },
      { session_ttl: "30 days" },
      { deletion_grace: "0" },
      { deletion_grace: "1 hour" },
      { deletion_grace: "2 minutes" },
      { provisioning_timeout: "3 minutes" },
      { cleanup_enabled: false },
      { cleanup_enabled: true },
      { max_per_run: 1 },
      { concurrency: 8 },
      { max_sessions_per_user: 2 },
      { max_expiry_fraction: 0.2 },
      { log_retention: "1 day" },
      { orphan_grace: "10 minutes" },
    ),
  }),
  cron: fc.record({
    do: fc.constant("cron" as const),
    job: fc.constantFrom("nightly", "nightly", "retry", "retry", "reconcile", "purge"),
    deliveries,
    fate: someFate,
  }),
  sweep: fc.record({
    do: fc.constant("run" as const),
    task: fc.constant("sweep" as const),
    dryRun: rarely,
    force: rarely,
    limit: fc.constantFrom(null, null, 1, 3),
    fate: someFate,
  }),
  reconcile: fc.record({
    do: fc.constant("run" as const),
    task: fc.constant("reconcile" as const),
    dryRun: rarely,
    force: rarely,
    limit: fc.constant(null),
    fate: someFate,
  }),
  weather: fc.record({
    do: fc.constant("weather" as const),
    weather: fc.constantFrom(...WEATHERS),
  }),
  mishap: fc.record({
    do: fc.constant("mishap" as const),
    route: fc.constantFrom<Route[]>(
      "POST /session",
      "POST /disk",
      "GET /session",
      "GET /disk",
      "DELETE /session/:id",
      "DELETE /disk/:id",
      "DELETE /disk/:id/artifact",
    ),
    fault: fc.oneof<fc.Arbitrary<Fault>[]>(
      fc.record({ kind: fc.constant("late" as const), ms: lateness }),
      fc.record({ kind: fc.constant("delay" as const), ms: lateness }),
      fc.constant({ kind: "drop", when: "after" }),
      fc.record({ kind: fc.constant("die" as const), afterSteps: fc.nat(6) }),
      fc.constant({ kind: "status", status: 500 }),
    ),
  }),
  skew: fc.record({
    do: fc.constant("skew" as const),
    ms: fc.constantFrom(-10 * MINUTE, -5_000, 5_000, 90_000, 20 * MINUTE),
  }),
  wrongDatabase: fc.record({ do: fc.constant("wrong database" as const) }),
};

/** An event with the time since the one before. */
export function command(
  act: fc.Arbitrary<Act>,
  after: fc.Arbitrary<number> = wait,
): fc.Arbitrary<Command> {
  return fc.tuple(after, fc.nat(), act).map(([wait, key, act]) => ({ wait, key, ...act }));
}
