/** What is said and stored in sessions that are deleted. @module */

import fc from "fast-check";
import { command } from "../generate_acts.ts";
import { FOREIGN_SLOT, type Route } from "../plan.ts";
import {
  creation,
  delayed,
  deleteRow,
  deletion,
  mishap,
  noGrace,
  none,
  seconds,
  slot,
  soon,
  type Story,
  sweep,
  upload,
  use,
  weather,
} from "./parts.ts";

/** The same is said in two sessions, and the server dies in the middle of deleting one, which is tried again. */
const echo: Story = fc.nat(FOREIGN_SLOT - 2).chain((slot) =>
  fc.tuple(
    noGrace,
    command(weather("calm"), soon),
    command(creation(slot, none), soon),
    command(creation(slot + 1, none), soon),
    command(use(slot), seconds(2, 4)),
    command(use(slot + 1), soon),
    command(
      mishap(
        fc.constant("DELETE /session/:id"),
        fc.record({ kind: fc.constant("die" as const), afterSteps: fc.nat(6) }),
      ),
      seconds(4, 6),
    ),
    command(fc.oneof(deletion(slot, none), deleteRow(slot)), soon),
    command(sweep, soon),
    command(sweep, seconds(65, 100)),
    command(sweep, seconds(65, 100)),
  )
);

/** Something is said, and the session deleted at once. */
const lastWord: Story = slot.chain((slot) =>
  fc.tuple(
    noGrace,
    command(weather("calm"), soon),
    command(creation(slot, none), soon),
    command(use(slot), seconds(2, 4)),
    command(fc.oneof(deletion(slot, none), deleteRow(slot)), seconds(0, 2)),
    command(sweep, soon),
    command(sweep, seconds(1, 5)),
  )
);

/** Two sessions have the same files, and the server dies in the middle of deleting one of them, which is tried again. */
const sharedFiles: Story = fc.nat(FOREIGN_SLOT - 2).chain((slot) =>
  fc.tuple(
    noGrace,
    command(weather("calm"), soon),
    command(creation(slot, none), soon),
    command(creation(slot + 1, none), soon),
    command(upload(slot, 0, 0), seconds(2, 4)),
    command(upload(slot, 1, 1), soon),
    command(upload(slot + 1, 0, 0), soon),
    command(upload(slot + 1, 1, 1), soon),
    command(
      mishap(
        fc.constantFrom<Route[]>(
          "DELETE /disk/:id",
          "DELETE /disk/:id",
          "DELETE /disk/:id/artifact",
        ),
        fc.record({ kind: fc.constant("die" as const), afterSteps: fc.nat(3) }),
      ),
      seconds(4, 6),
    ),
    command(fc.oneof(deletion(slot, none), deleteRow(slot)), soon),
    command(sweep, soon),
    command(sweep, seconds(65, 100)),
    command(sweep, seconds(65, 100)),
  )
);

/** A file is stored or replaced, and the session deleted at once. */
const lastUpload: Story = slot.chain((slot) =>
  fc.tuple(
    noGrace,
    command(weather("calm"), soon),
    command(creation(slot, none), soon),
    command(upload(slot, 0, 0), seconds(2, 4)),
    command(upload(slot, 0, 1), seconds(0.2, 2)),
    command(fc.oneof(deletion(slot, none), deleteRow(slot)), seconds(0, 2)),
    command(sweep, soon),
    command(sweep, seconds(1, 5)),
  )
);

/** Whether a file is there is told so late that it is stored long after the database heard of it. */
const lateUpload: Story = slot.chain((slot) =>
  fc.tuple(
    noGrace,
    command(weather("calm"), soon),
    command(creation(slot, none), soon),
    command(delayed("GET /disk/:id/artifact", seconds(2.8, 3.8)), seconds(2, 4)),
    command(upload(slot, 0, 0), soon),
    command(fc.oneof(deletion(slot, none), deleteRow(slot)), seconds(0.5, 1)),
    command(sweep, seconds(2.3, 2.9)),
    command(sweep, seconds(1, 5)),
  )
);

/** Different files of one name come at the same time. */
const collision: Story = slot.chain((slot) =>
  fc.tuple(
    command(weather("calm"), soon),
    command(creation(slot, none), soon),
    command(upload(slot, 0, 0), seconds(2, 4)),
    command(upload(slot, 0, 1), fc.nat(40)),
    command(deletion(slot, none), seconds(4, 8)),
  )
);

export const TALKING = { echo, lastWord, sharedFiles, lastUpload, lateUpload, collision };
