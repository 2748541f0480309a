/** What is half made, or comes to be when nobody waits for it any more. @module */

import fc from "fast-check";
import { command, DAY, HOUR, MINUTE } from "../generate_acts.ts";
import {
  crash,
  crashAt,
  creation,
  delayed,
  deletion,
  freezeAt,
  job,
  late,
  mishap,
  noGrace,
  none,
  reconcile,
  restoration,
  runOf,
  seconds,
  seldom,
  settings,
  slot,
  soon,
  type Story,
  sweep,
  weather,
} from "./parts.ts";

/** The next thing that is made comes to be long after it was given up, and perhaps more does. */
const lateMaking = (from: number, to: number) =>
  command(
    fc.oneof(
      weather("late"),
      late("POST /disk", seconds(from, to)),
      late("POST /disk", seconds(from, to)),
      late("POST /session", seconds(from, to)),
    ),
    soon,
  );

const falselyAbsent = mishap(
  fc.constantFrom("DELETE /session/:id", "DELETE /disk/:id"),
  fc.constant({ kind: "false404" }),
);

/** Nobody finishes a session; it goes stale and is deleted by its mark. */
const halfMade: Story = slot.chain((slot) =>
  fc.tuple(
    command(creation(slot, crash)),
    command(
      fc.oneof(weather("liar", "liar", "lossy", "drizzle", "calm"), falselyAbsent),
      seconds(1, 90),
    ),
    command(
      fc.oneof(sweep, reconcile, reconcile, creation(slot, none)),
      fc.constantFrom(11 * MINUTE, 65 * MINUTE),
    ),
    command(fc.oneof(sweep, creation(slot, none)), seconds(0, 5)),
    command(sweep, seconds(20, 90)),
  )
);

/** Reconcile comes by before anybody has finished a session, or called it stale. */
const halfKnown: Story = slot.chain((slot) =>
  fc.tuple(
    command(weather("calm")),
    command(creation(slot, crashAt([2, 3])), soon),
    command(reconcile, fc.constantFrom(11 * MINUTE, 65 * MINUTE, 3 * HOUR)),
    command(fc.oneof(sweep, creation(slot, none)), seconds(0, 5)),
    command(sweep, seconds(20, 90)),
  )
);

/** A half-made session is deleted by its mark, and Acontext says falsely that what was found is not there. */
const halfGone: Story = slot.chain((slot) =>
  fc.tuple(
    noGrace,
    command(weather("calm"), soon),
    command(creation(slot, crashAt([1, 2, 3])), soon),
    command(falselyAbsent, soon),
    command(fc.oneof(sweep, deletion(slot, none)), fc.constant(11 * MINUTE)),
    command(sweep, seconds(20, 90)),
  )
);

/** Somebody comes back to a half-made session when a sweep would call it stale. */
const revival: Story = slot.chain((slot) =>
  fc.tuple(
    command(creation(slot, crash)),
    command(weather("calm"), seconds(1, 90)),
    command(
      fc.oneof(
        delayed("GET /disk", seconds(2, 9)),
        delayed("POST /disk", seconds(2, 9)),
        delayed("POST /session", seconds(2, 9)),
      ),
      soon,
    ),
    command(creation(slot, seldom), fc.constantFrom(9 * MINUTE, 11 * MINUTE, 65 * MINUTE)),
    command(fc.oneof(sweep, job("retry")), seconds(0, 3)),
    command(fc.oneof(sweep, creation(slot, none)), seconds(0, 90)),
  )
);

/** A disk lands minutes after it was given up, around a reconcile. */
const lateArrival: Story = slot.chain((slot) =>
  fc.tuple(
    command(weather("calm", "late")),
    lateMaking(60, 500),
    command(creation(slot, seldom), soon),
    command(weather("calm", "calm", "late"), seconds(1, 15)),
    command(creation(slot, fc.oneof(seldom, crash)), soon),
    command(creation(slot, none), fc.constantFrom(15_000, 30_000, 82_000, 100_000)),
    command(fc.oneof(reconcile, reconcile, deletion(slot, none)), seconds(1, 60)),
    command(fc.oneof(reconcile, sweep), fc.constantFrom(12 * MINUTE, 65 * MINUTE)),
    command(reconcile, fc.constantFrom(12 * MINUTE, 65 * MINUTE, 3 * HOUR)),
  )
);

/** A request lands when its session is gone, and reconcile comes soon after, or when its time has come. */
const orphan: Story = slot.chain((slot) =>
  fc.tuple(
    command(weather("calm")),
    lateMaking(20, 120),
    command(creation(slot, seldom), soon),
    command(deletion(slot, none), seconds(1, 15)),
    command(weather("calm"), soon),
    command(sweep, seconds(20, 75)),
    command(reconcile, fc.oneof(seconds(5, 500), seconds(660, 4_000))),
    command(fc.oneof(reconcile, sweep), seconds(5, 500)),
  )
);

/** The same; and its id is used again, long after the receipt is. */
const secondLife: Story = slot.chain((slot) =>
  fc.tuple(
    command(settings({ log_retention: "1 day", deletion_grace: "0" })),
    command(weather("calm"), soon),
    lateMaking(20, 300),
    command(creation(slot, seldom), soon),
    command(deletion(slot, none), seconds(1, 15)),
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

/** A session that may have a second disk is deleted while reconcile looks for the disk, and restored. */
const secondThoughts: Story = slot.chain((slot) =>
  fc.tuple(
    command(settings({ deletion_grace: "1 hour", orphan_grace: "10 minutes" })),
    command(weather("calm"), soon),
    command(late("POST /disk", seconds(60, 80)), soon),
    command(creation(slot, none), soon),
    command(creation(slot, none), seconds(5, 40)),
    command(delayed("GET /disk", seconds(2, 4)), fc.constantFrom(25 * MINUTE, 50 * MINUTE)),
    command(runOf("reconcile", freezeAt([7, 8, 8, 9], seconds(1, 5))), soon),
    command(deletion(slot, none), seconds(1, 2)),
    command(restoration(slot), seconds(1, 5)),
  )
);

/** An app copies a session that is half made or whole, and then that is finished, looked at, or deleted. */
const copied: Story = slot.chain((slot) =>
  fc.tuple(
    noGrace,
    command(weather("calm"), soon),
    command(creation(slot, fc.oneof(none, crashAt([1, 2, 3]))), soon),
    command(fc.constant({ do: "copy" as const, slot }), seconds(1, 3)),
    command(
      fc.oneof(reconcile, creation(slot, none), deletion(slot, none)),
      fc.oneof(seconds(82, 90), fc.constantFrom(11 * MINUTE, 65 * MINUTE)),
    ),
    command(fc.oneof(sweep, reconcile), seconds(5, 20)),
    command(fc.oneof(reconcile, deletion(slot, none)), fc.constantFrom(11 * MINUTE, 65 * MINUTE)),
    command(fc.oneof(sweep, creation(slot, none)), seconds(5, 20)),
  )
);

/** The database's clock is behind, and a second disk looks younger than it is when its session is examined. */
const slowClock: Story = slot.chain((slot) =>
  fc.tuple(
    command(settings({ orphan_grace: "10 minutes" })),
    command(weather("calm"), soon),
    command(fc.constant({ do: "skew" as const, ms: -10 * MINUTE }), soon),
    command(late("POST /disk", seconds(250, 500)), soon),
    command(creation(slot, none), soon),
    command(creation(slot, none), seconds(12, 30)),
    command(reconcile, seconds(1_205, 1_260)),
  )
);

export const LEFTOVERS = {
  copied,
  slowClock,
  halfMade,
  halfKnown,
  halfGone,
  revival,
  lateArrival,
  orphan,
  secondLife,
  secondThoughts,
};
