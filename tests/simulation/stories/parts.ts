/** What stories are made of. @module */

import fc from "fast-check";
import { command, fate } from "../generate_acts.ts";
import {
  type Act,
  type Call,
  type Command,
  type Fate,
  FOREIGN_SLOT,
  type Job,
  type Route,
  SLOTS,
} from "../plan.ts";
import type { Fault } from "../../../local/acontext/fault_rules.ts";
import type { WeatherName } from "../weather.ts";

export type Story = fc.Arbitrary<Command[]>;

/** A session that others meddle with, or one that is this story's alone. */
export const slot: fc.Arbitrary<number> = fc.oneof(
  fc.nat(FOREIGN_SLOT - 1),
  fc.integer({ min: SLOTS, max: 2 * SLOTS - 1 }),
);

export const soon = fc.nat(200);
export const seconds = (from: number, to: number): fc.Arbitrary<number> =>
  fc.integer({ min: Math.round(from * 1_000), max: Math.round(to * 1_000) });

export const none = fc.constant(null);
export const seldom = fate({ none: 80, crash: 10, freeze: 10 });
export const crash = fc.record({ end: fc.constant("crash" as const), at: fc.nat(6) });
export const crashAt = (points: number[]): fc.Arbitrary<Fate> =>
  fc.record({ end: fc.constant("crash" as const), at: fc.constantFrom(...points) });
/** In time, or not, for the end of a lease. */
export const freeze = (...ms: number[]): fc.Arbitrary<Fate> =>
  freezeAt([0, 1, 2, 3, 4, 5, 6], fc.constantFrom(...ms));
export const freezeAt = (points: number[], ms: fc.Arbitrary<number>): fc.Arbitrary<Fate> =>
  fc.record({ end: fc.constant("freeze" as const), at: fc.constantFrom(...points), ms });

export const weather = (...names: WeatherName[]): fc.Arbitrary<Act> =>
  fc.record({ do: fc.constant("weather" as const), weather: fc.constantFrom(...names) });
export const mishap = (route: fc.Arbitrary<Route>, fault: fc.Arbitrary<Fault>) =>
  fc.record({ do: fc.constant("mishap" as const), route, fault });
/** The answer is lost at once, and the request carried out later. */
export const late = (route: Route, ms: fc.Arbitrary<number>): fc.Arbitrary<Act> =>
  mishap(fc.constant(route), fc.record({ kind: fc.constant("late" as const), ms }));
/** The request is carried out, and answered, only after a while. */
export const delayed = (route: Route, ms: fc.Arbitrary<number>): fc.Arbitrary<Act> =>
  mishap(fc.constant(route), fc.record({ kind: fc.constant("delay" as const), ms }));

/** The next transaction that calls this function stays open, so that others meet it. */
export const linger = (call: Call): fc.Arbitrary<Act> =>
  fc.record({
    do: fc.constant("linger" as const),
    call: fc.constant(call),
    ms: fc.integer({ min: 500, max: 1_500 }),
  });

/** Handed over once. The fate is that of the runs that follow of it, too. */
export const cron = (job: fc.Arbitrary<Job>, fate: fc.Arbitrary<Fate | null>): fc.Arbitrary<Act> =>
  fc.record({
    do: fc.constant("cron" as const),
    job,
    deliveries: fc.constant<number[]>([20]),
    fate,
  });
export const job = (job: Job): fc.Arbitrary<Act> => cron(fc.constant(job), none);
export const settings = (changes: Record<string, string>): fc.Arbitrary<Act> =>
  fc.constant({ do: "settings", changes });
/** A deletion can be worked on as soon as it is asked for. */
export const noGrace: fc.Arbitrary<Command> = command(settings({ deletion_grace: "0" }));

export function creation(slot: number, fate: fc.Arbitrary<Fate | null>): fc.Arbitrary<Act> {
  return fc.record({
    do: fc.constant("create" as const),
    slot: fc.constant(slot),
    stranger: fc.constant(false),
    pinned: fc.constant(false),
    ttl: fc.constant(null),
    fate,
  });
}

export function deletion(slot: number, fate: fc.Arbitrary<Fate | null>): fc.Arbitrary<Act> {
  return fc.record({
    do: fc.constant("delete" as const),
    slot: fc.constant(slot),
    stranger: fc.constant(false),
    fate,
  });
}

export const use = (slot: number): fc.Arbitrary<Act> => fc.constant({ do: "use", slot });

export const upload = (slot: number, name: number, content: number): fc.Arbitrary<Act> =>
  fc.constant({ do: "upload", slot, name, content });

export const restoration = (slot: number): fc.Arbitrary<Act> =>
  fc.constant({ do: "restore", slot });

export const deleteRow = (slot: number): fc.Arbitrary<Act> =>
  fc.constant({ do: "operator", sql: "delete row", slot });

export const runOf = (
  task: "sweep" | "reconcile",
  fate: fc.Arbitrary<Fate | null>,
): fc.Arbitrary<Act> =>
  fc.record({
    do: fc.constant("run" as const),
    task: fc.constant(task),
    dryRun: fc.constant(false),
    force: fc.constant(false),
    limit: none,
    fate,
  });
export const sweep = runOf("sweep", none);
export const reconcile = runOf("reconcile", none);
