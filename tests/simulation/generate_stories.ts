/** Short sequences that lead to the narrow places, which events drawn one by one seldom find. @module */

import fc from "fast-check";
import { command, DAY, fate, HOUR, MINUTE, slot } from "./generate_acts.ts";
import type { Act, Command, Fate } from "./plan.ts";
import type { WeatherName } from "./weather.ts";

type Story = fc.Arbitrary<Command[]>;

const soon = fc.nat(200);
const seconds = (from: number, to: number) => fc.integer({ min: from * 1_000, max: to * 1_000 });
const weather = (...names: WeatherName[]) =>
  fc.record({ do: fc.constant("weather" as const), weather: fc.constantFrom(...names) });
const job = (job: "nightly" | "retry" | "reconcile" | "purge"): fc.Arbitrary<Act> =>
  fc.constant({ do: "cron", job, deliveries: [20], fate: null });
const settings = (changes: Record<string, string>): fc.Arbitrary<Act> =>
  fc.constant({ do: "settings", changes });

function creation(slot: number, fate: fc.Arbitrary<Fate | null>): fc.Arbitrary<Act> {
  return fc.record({
    do: fc.constant("create" as const),
    slot: fc.constant(slot),
    stranger: fc.constant(false),
    pinned: fc.constant(false),
    ttl: fc.constant(null),
    fate,
  });
}

function deletion(slot: number, ends: fc.Arbitrary<Fate | null>): fc.Arbitrary<Act> {
  return fc.record({
    do: fc.constant("delete" as const),
    slot: fc.constant(slot),
    stranger: fc.constant(false),
    fate: ends,
  });
}

/** In time, or not, for the end of a lease. */
const freeze = (...ms: number[]) =>
  fc.record({ end: fc.constant("freeze" as const), at: fc.nat(6), ms: fc.constantFrom(...ms) });
const crash = fc.record({ end: fc.constant("crash" as const), at: fc.nat(6) });
const none = fc.constant(null);
const seldom = fate({ none: 80, crash: 10, freeze: 10 });
const sweepOf = (ends: fc.Arbitrary<Fate | null>): fc.Arbitrary<Act> =>
  fc.record({
    do: fc.constant("run" as const),
    task: fc.constant("sweep" as const),
    dryRun: fc.constant(false),
    force: fc.constant(false),
    limit: none,
    fate: ends,
  });
const sweep = sweepOf(none);
const reconcile: fc.Arbitrary<Act> = fc.constant({
  do: "run",
  task: "reconcile",
  dryRun: false,
  force: false,
  limit: null,
  fate: null,
});

/** A caller outlives its lease; meanwhile its session is deleted, and a worker looks for what it made. */
const lateBinding: Story = slot.chain((slot) =>
  fc.tuple(
    command(creation(slot, freeze(81_000, 82_000, 83_000, 85_000, 90_000, 120_000))),
    command(deletion(slot, none), seconds(0, 5)),
    command(weather("slow", "calm", "calm"), soon),
    command(sweep, seconds(75, 82)),
    command(sweep, seconds(0, 4)),
    command(sweep, seconds(0, 90)),
  )
);

/** The same, with a request that lands just then, and a worker that is slow to report. */
const crossing: Story = slot.chain((slot) =>
  fc.tuple(
    command(weather("late")),
    command(creation(slot, freeze(80_500, 82_000, 84_000, 86_000, 90_000, 100_000)), soon),
    command(fc.oneof(deletion(slot, none), weather("late", "calm")), seconds(0, 5)),
    command(weather("calm", "slow"), seconds(1, 60)),
    command(
      fc.oneof(sweepOf(freeze(3_000, 8_000)), sweepOf(none), creation(slot, seldom)),
      seconds(16, 82),
    ),
    command(fc.oneof(sweepOf(freeze(3_000, 8_000)), creation(slot, seldom)), seconds(0, 4)),
    command(sweep, seconds(5, 90)),
  )
);

/** A caller outlives its lease, and another takes over. */
const takeover: Story = slot.chain((slot) =>
  fc.tuple(
    command(creation(slot, freeze(62_000, 79_000, 81_000, 83_000, 90_000, 120_000))),
    command(fc.oneof(creation(slot, seldom), weather("slow", "lossy")), seconds(0, 70)),
    command(creation(slot, seldom), seconds(10, 82)),
    command(creation(slot, none), seconds(0, 10)),
    command(fc.oneof(sweep, deletion(slot, none)), seconds(0, 40)),
  )
);

/** A worker outlives its lease, while others go on. */
const slowWorker: Story = slot.chain((slot) =>
  fc.tuple(
    command(creation(slot, none)),
    command(weather("slow", "calm", "drizzle", "liar"), seconds(0, 2)),
    command(settings({ deletion_grace: "0" }), soon),
    command(
      fc.oneof(
        deletion(slot, freeze(40_000, 55_000, 62_000, 85_000, 100_000)),
        deletion(slot, crash),
      ),
      seconds(1, 3),
    ),
    command(sweep, seconds(75, 84)),
    command(sweep, seconds(0, 20)),
    command(sweep, seconds(0, 70)),
  )
);

/** Several sessions wait for one frozen worker. */
const heap: Story = fc.tuple(
  command(creation(0, none)),
  command(creation(1, none), soon),
  command(creation(2, none), soon),
  command(fc.constant<Act>({ do: "operator", sql: "delete all rows", slot: 0 }), seconds(1, 5)),
  command(
    sweepOf(freeze(50_000, 62_000, 70_000, 85_000)),
    soon,
  ),
  command(sweep, seconds(50, 100)),
  command(sweep, seconds(0, 30)),
);

/** The answer to a delete is long in coming, and somebody tries again. */
const impatience: Story = slot.chain((slot) =>
  fc.tuple(
    command(creation(slot, none)),
    command(weather("slow"), seconds(1, 3)),
    command(deletion(slot, none), soon),
    command(sweep, seconds(10, 14)),
    command(sweep, seconds(0, 4)),
  )
);

/** A delete is worked on for long, and its session is due again. */
const patience: Story = slot.chain((slot) =>
  fc.tuple(
    command(creation(slot, none)),
    command(weather("late", "slow"), seconds(1, 3)),
    command(fc.constant<Act>({ do: "operator", sql: "delete all rows", slot: 0 }), soon),
    command(sweep, soon),
    command(weather("calm"), seconds(1, 9)),
    command(sweep, seconds(20, 60)),
    command(sweep, seconds(1, 30)),
  )
);

/** Nobody finishes a session; it goes stale and is deleted by its mark. */
const halfMade: Story = slot.chain((slot) =>
  fc.tuple(
    command(creation(slot, crash)),
    command(weather("liar", "liar", "lossy", "drizzle", "calm"), seconds(1, 90)),
    command(
      fc.oneof(sweep, reconcile, creation(slot, none)),
      fc.constantFrom(11 * MINUTE, 65 * MINUTE),
    ),
    command(fc.oneof(sweep, creation(slot, none)), seconds(0, 5)),
    command(sweep, seconds(20, 90)),
  )
);

/** A request lands minutes after it was given up, around a reconcile. */
const lateArrival: Story = slot.chain((slot) =>
  fc.tuple(
    command(weather("late")),
    command(creation(slot, seldom), soon),
    command(weather("calm", "late"), seconds(10, 30)),
    command(creation(slot, fc.oneof(seldom, crash)), soon),
    command(creation(slot, none), fc.constantFrom(15_000, 30_000, 82_000, 100_000)),
    command(fc.oneof(reconcile, deletion(slot, none)), seconds(1, 60)),
    command(fc.oneof(reconcile, sweep), fc.constantFrom(12 * MINUTE, 65 * MINUTE)),
    command(reconcile, fc.constantFrom(12 * MINUTE, 65 * MINUTE, 3 * HOUR)),
  )
);

/** A request lands when its session is gone, and reconcile comes soon after. */
const orphan: Story = slot.chain((slot) =>
  fc.tuple(
    command(weather("late")),
    command(creation(slot, seldom), soon),
    command(deletion(slot, none), seconds(10, 15)),
    command(weather("calm"), soon),
    command(sweep, seconds(68, 75)),
    command(reconcile, seconds(5, 500)),
    command(fc.oneof(reconcile, sweep), seconds(5, 500)),
  )
);

/** A request lands when its session is gone; the id is used again, long after the receipt is. */
const secondLife: Story = slot.chain((slot) =>
  fc.tuple(
    command(settings({ log_retention: "1 day" })),
    command(weather("late"), soon),
    command(creation(slot, seldom), soon),
    command(deletion(slot, none), seconds(10, 15)),
    command(weather("calm"), soon),
    command(sweep, seconds(68, 75)),
    command(fc.oneof(reconcile, reconcile, sweep), fc.constant(3 * HOUR)),
    command(weather("outage", "calm"), soon),
    command(job("purge"), fc.constant(2 * DAY)),
    command(weather("calm"), soon),
    command(creation(slot, none), soon),
    command(fc.oneof(sweep, creation(slot, none)), soon),
  )
);

/** A mistake with a lifetime, on the night of the sweep. */
const massExpiry: Story = fc.tuple(
  command(settings({ session_ttl: "1 minute" })),
  command(job("nightly"), fc.constant(2 * MINUTE)),
  command(settings({ session_ttl: "30 days" }), seconds(0, 5)),
);

export const STORIES = {
  lateBinding,
  crossing,
  takeover,
  slowWorker,
  heap,
  impatience,
  patience,
  orphan,
  halfMade,
  lateArrival,
  secondLife,
  massExpiry,
};
