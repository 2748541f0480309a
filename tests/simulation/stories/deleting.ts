/** Several workers on one deletion, each slower than the next expects. @module */

import fc from "fast-check";
import { command, DAY, MINUTE } from "../generate_acts.ts";
import type { Fault } from "../../../local/acontext/fault_rules.ts";
import type { Act, Route } from "../plan.ts";
import {
  crash,
  creation,
  cron,
  delayed,
  deleteRow,
  deletion,
  freeze,
  freezeAt,
  job,
  linger,
  mishap,
  noGrace,
  none,
  runOf,
  seconds,
  settings,
  slot,
  soon,
  type Story,
  sweep,
  weather,
} from "./parts.ts";

const eitherDelete = fc.constantFrom<Route[]>("DELETE /session/:id", "DELETE /disk/:id");
const refusal = fc.constantFrom<Fault[]>(
  { kind: "status", status: 500 },
  { kind: "status", status: 400 },
  { kind: "false404" },
);
const removeEntry = (slot: number): fc.Arbitrary<Act> =>
  fc.constant({ do: "operator", sql: "delete queue row", slot });
const deleteAll: fc.Arbitrary<Act> = fc.constant({
  do: "operator",
  sql: "delete all rows",
  slot: 0,
});

const longDelete = delayed("DELETE /session/:id", seconds(5, 9));

/** A worker outlives its lease, while others go on. */
const slowWorker: Story = slot.chain((slot) =>
  fc.tuple(
    command(creation(slot, none)),
    command(weather("slow", "calm", "drizzle", "liar"), seconds(0, 2)),
    noGrace,
    command(
      fc.oneof(
        deletion(slot, freeze(40_000, 55_000, 62_000, 85_000, 100_000)),
        deletion(slot, freezeAt([0], seconds(50, 62))),
        deletion(slot, freezeAt([0], seconds(146, 175))),
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
  command(deleteAll, seconds(1, 5)),
  command(runOf("sweep", freeze(50_000, 62_000, 70_000, 85_000)), soon),
  command(sweep, seconds(50, 100)),
  command(sweep, seconds(0, 30)),
);

/** More is to be deleted at once, by its owners and by workers, than Acontext is to bear. */
const crowd: Story = fc.tuple(
  command(creation(0, none)),
  command(creation(1, none), soon),
  command(creation(2, none), soon),
  command(creation(3, none), soon),
  noGrace,
  command(longDelete, seconds(4, 6)),
  command(longDelete, soon),
  command(longDelete, soon),
  command(longDelete, soon),
  command(linger("acontext_request_session_deletion"), soon),
  command(deletion(0, none), soon),
  command(fc.oneof(deletion(1, none), deleteRow(1)), soon),
  command(fc.oneof(sweep, deletion(2, none)), soon),
  command(fc.oneof(sweep, deletion(2, none)), soon),
  command(fc.oneof(sweep, deletion(3, none)), soon),
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
    command(deleteAll, soon),
    command(sweep, soon),
    command(weather("calm"), seconds(1, 9)),
    command(sweep, seconds(20, 60)),
    command(sweep, seconds(1, 30)),
  )
);

/** The same, for the first failure of one that waits shorter than a server may take. */
const impatientRetry: Story = slot.chain((slot) =>
  fc.tuple(
    command(weather("calm")),
    command(creation(slot, none), soon),
    noGrace,
    command(delayed("DELETE /disk/:id", seconds(50, 59)), seconds(1, 3)),
    command(deleteRow(slot), soon),
    command(sweep, soon),
    command(sweep, seconds(45, 58)),
    command(sweep, seconds(1, 30)),
  )
);

/** Acontext answers with errors, and the next sweeps come soon. */
const failing: Story = slot.chain((slot) =>
  fc.tuple(
    command(creation(slot, none)),
    command(deleteRow(slot), seconds(1, 3)),
    command(mishap(eitherDelete, refusal), soon),
    command(mishap(eitherDelete, refusal), soon),
    command(sweep, soon),
    command(fc.oneof(sweep, removeEntry(slot)), seconds(1, 29)),
    command(sweep, seconds(1, 60)),
  )
);

/** A mistake with a lifetime, on the night of the sweep. */
const massExpiry: Story = fc.tuple(
  command(settings({ session_ttl: "1 minute" })),
  command(job("nightly"), fc.constant(2 * MINUTE)),
  command(settings({ session_ttl: "30 days" }), seconds(0, 5)),
);

/** Workers freeze for longer than their time before they have done anything, and nobody looks for a week. */
const frozenWorkers: Story = fc.tuple(
  command(creation(0, none)),
  command(deleteAll, seconds(1, 5)),
  command(
    cron(
      fc.constantFrom("retry", "nightly", "reconcile"),
      freezeAt([0], seconds(100, 110)),
    ),
    soon,
  ),
  command(weather("calm"), fc.constant(7 * DAY)),
);

export const DELETING = {
  slowWorker,
  heap,
  crowd,
  impatience,
  patience,
  impatientRetry,
  failing,
  massExpiry,
  frozenWorkers,
};
