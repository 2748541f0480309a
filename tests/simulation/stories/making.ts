/** Several callers of one session, and those who delete it meanwhile. A lease lasts 80 seconds. @module */

import fc from "fast-check";
import { command } from "../generate_acts.ts";
import {
  creation,
  delayed,
  deletion,
  freeze,
  freezeAt,
  late,
  mishap,
  noGrace,
  none,
  reconcile,
  seconds,
  seldom,
  slot,
  soon,
  type Story,
  sweep,
  weather,
} from "./parts.ts";

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

/** The same, with a disk that comes to be after the worker's look, before or after the worker reports. */
const blindSpot: Story = slot.chain((slot) =>
  fc.tuple(
    noGrace,
    command(weather("calm"), soon),
    command(late("POST /disk", seconds(81, 85)), soon),
    command(
      fc.oneof(delayed("DELETE /session/:id", seconds(4, 9.5)), delayed("GET /session", soon)),
      soon,
    ),
    command(creation(slot, freezeAt([1, 2], seconds(83, 87))), soon),
    command(deletion(slot, none), seconds(1, 2)),
    command(sweep, seconds(77.5, 80.5)),
    command(sweep, seconds(60, 90)),
  )
);

/** The same, with a remote session that comes to be, and is reported, while the worker is busy with the disk. */
const blindSide: Story = slot.chain((slot) =>
  fc.tuple(
    noGrace,
    command(weather("calm"), soon),
    command(late("POST /session", seconds(82, 84)), soon),
    command(delayed("GET /disk", seconds(5, 9.5)), soon),
    command(creation(slot, freezeAt([1, 2], seconds(83, 86))), soon),
    command(deletion(slot, none), seconds(1, 2)),
    command(sweep, seconds(79, 80)),
    command(sweep, seconds(60, 90)),
  )
);

/** The same, and that worker, which finds what was made all the same, gets no answer to its delete. */
const hindsight: Story = slot.chain((slot) =>
  fc.tuple(
    noGrace,
    command(weather("calm"), soon),
    command(creation(slot, freezeAt([1, 2], seconds(83, 87))), soon),
    command(deletion(slot, none), seconds(1, 2)),
    command(delayed("GET /session", seconds(4, 9.5)), seconds(70, 75)),
    command(delayed("GET /session", seconds(4, 9.5)), soon),
    command(
      mishap(
        fc.constant("DELETE /session/:id"),
        fc.constantFrom(
          { kind: "drop", when: "before" },
          { kind: "drop", when: "after" },
          { kind: "die", afterSteps: 1 },
        ),
      ),
      soon,
    ),
    command(sweep, seconds(4, 9)),
    command(sweep, seconds(150, 200)),
  )
);

/** One caller's disk comes to be when another has taken over and looked in vain. */
const overtaken: Story = slot.chain((slot) =>
  fc.tuple(
    command(weather("calm")),
    command(late("POST /disk", seconds(80.2, 84)), soon),
    command(creation(slot, freezeAt([1, 2], seconds(82, 95))), soon),
    command(creation(slot, seldom), seconds(74, 81)),
    command(fc.oneof(creation(slot, none), reconcile, sweep), seconds(1, 100)),
  )
);

/** The same, but the first caller reports while the second is still at work and fails in the end; perhaps the session is deleted between. */
const crossing: Story = slot.chain((slot) =>
  fc.tuple(
    noGrace,
    command(weather("calm"), soon),
    command(late("POST /disk", seconds(80.5, 83)), soon),
    command(
      mishap(
        fc.constant("GET /session"),
        fc.constantFrom({ kind: "status", status: 500 }, { kind: "drop", when: "before" }),
      ),
      soon,
    ),
    command(creation(slot, freezeAt([1, 2], seconds(83, 87))), soon),
    command(delayed("POST /disk", seconds(3, 9.5)), seconds(1, 2)),
    command(creation(slot, none), seconds(75, 79)),
    command(fc.oneof(sweep, deletion(slot, none), deletion(slot, none)), seconds(2, 6)),
    command(fc.oneof(sweep, creation(slot, none)), seconds(10, 100)),
  )
);

/** Two calls lose the answer to the making of a disk, and the third finds both. */
const twins: Story = slot.chain((slot) =>
  fc.tuple(
    command(weather("calm")),
    command(late("POST /disk", seconds(5, 60)), soon),
    command(creation(slot, none), soon),
    command(late("POST /disk", seconds(5, 60)), seconds(1, 2)),
    command(creation(slot, seldom), seconds(1, 2)),
    command(creation(slot, seldom), seconds(30, 90)),
    command(fc.oneof(sweep, deletion(slot, none), reconcile), seconds(0, 90)),
  )
);

/** A caller outlives its lease, and another takes over. */
const takeover: Story = slot.chain((slot) =>
  fc.tuple(
    command(creation(
      slot,
      fc.oneof(
        freeze(62_000, 79_000, 81_000, 83_000, 90_000, 120_000),
        freezeAt([0], seconds(58, 90)),
      ),
    )),
    command(fc.oneof(creation(slot, seldom), weather("slow", "lossy")), seconds(0, 70)),
    command(creation(slot, seldom), seconds(10, 82)),
    command(creation(slot, none), seconds(0, 10)),
    command(fc.oneof(sweep, deletion(slot, none)), seconds(0, 40)),
  )
);

export const MAKING = {
  lateBinding,
  blindSpot,
  blindSide,
  hindsight,
  overtaken,
  crossing,
  twins,
  takeover,
};
