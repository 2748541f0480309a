/** What different people do with one session in the same moment. A lease lasts 80 seconds. @module */

import fc from "fast-check";
import { command } from "../generate_acts.ts";
import {
  crashAt,
  creation,
  delayed,
  deleteRow,
  deletion,
  linger,
  noGrace,
  none,
  restoration,
  seconds,
  settings,
  slot,
  type Story,
  sweep,
  use,
  weather,
} from "./parts.ts";

const atOnce = fc.nat(60);

/** Its owner takes the deletion back when the grace period has just ended. */
const tugOfWar: Story = slot.chain((slot) =>
  fc.tuple(
    command(weather("calm")),
    command(settings({ deletion_grace: "2 minutes" })),
    command(creation(slot, none), atOnce),
    command(deletion(slot, none), seconds(4, 9)),
    command(linger("acontext_claim_deletions"), atOnce),
    command(sweep, seconds(120, 121)),
    command(restoration(slot), seconds(0.05, 0.9)),
    command(fc.oneof(sweep, restoration(slot)), fc.nat(400)),
  )
);

/** Workers and its owner want the same deletion. */
const scramble: Story = slot.chain((slot) => {
  const anybody = command(fc.oneof(sweep, sweep, deletion(slot, none)), fc.nat(200));
  return fc.tuple(
    command(weather("calm")),
    noGrace,
    command(creation(slot, none), atOnce),
    command(deleteRow(slot), seconds(4, 9)),
    command(delayed("DELETE /session/:id", seconds(5, 9)), atOnce),
    command(linger("acontext_claim_deletions"), atOnce),
    command(sweep, atOnce),
    anybody,
    anybody,
    anybody,
  );
});

/** Its owner asks for the deletion while a worker claims it, and the delete takes a while. */
const doubleClaim: Story = slot.chain((slot) => {
  const owner = command(deletion(slot, none), fc.nat(300));
  return fc.tuple(
    command(weather("calm")),
    noGrace,
    command(creation(slot, none), atOnce),
    command(deleteRow(slot), seconds(4, 9)),
    command(delayed("DELETE /session/:id", seconds(5, 9)), atOnce),
    command(linger("acontext_claim_deletions"), atOnce),
    command(sweep, atOnce),
    command(deletion(slot, none), seconds(0.05, 1.5)),
    owner,
    owner,
    owner,
    owner,
  );
});

/** Several take over from a caller that is no more, while it is deleted. */
const heirs: Story = slot.chain((slot) =>
  fc.tuple(
    command(weather("calm")),
    command(creation(slot, crashAt([0, 1, 2])), atOnce),
    command(linger("acontext_begin_session"), seconds(1, 2)),
    command(creation(slot, none), seconds(80, 90)),
    command(creation(slot, none), atOnce),
    command(fc.oneof(creation(slot, none), deletion(slot, none)), fc.nat(300)),
    command(fc.oneof(sweep, deletion(slot, none)), fc.nat(300)),
  )
);

/** It is used just before its time is up, and a sweep comes just after. */
const lastMinute: Story = slot.chain((slot) =>
  fc.tuple(
    command(weather("calm")),
    command(settings({ session_ttl: "1 minute", deletion_grace: "0" })),
    command(creation(slot, none), atOnce),
    command(linger("acontext_begin_message"), atOnce),
    command(use(slot), seconds(59.8, 60.6)),
    command(sweep, fc.nat(600)),
    command(fc.oneof(sweep, use(slot)), fc.nat(600)),
  )
);

export const MEETING = { tugOfWar, scramble, doubleClaim, heirs, lastMinute };
