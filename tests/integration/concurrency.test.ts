import { assert, assertEquals } from "@std/assert/mod.js";
import type { FaultRule } from "../../local/acontext/fault_rules.ts";
import { assertNothingLeft } from "./support/remote.ts";
import { expiredSessions } from "./support/sessions.ts";
import { integrationTest } from "./support/world.ts";

const DELETES = ["DELETE /session/:id", "DELETE /disk/:id"];

/** A bad day: one delete in ten fails, some answers are lost, some are lies. */
const TROUBLE: FaultRule[] = DELETES.flatMap((route): FaultRule[] => [
  { route, probability: 0.1, fault: { kind: "status", status: 500 } },
  { route, probability: 0.01, fault: { kind: "drop", when: "after" } },
  { route, probability: 0.01, fault: { kind: "drop", when: "before" } },
  { route, probability: 0.01, fault: { kind: "false404" } },
]);

integrationTest("four sweeps at once on a bad day delete everything once", async (world) => {
  const count = 200;
  await expiredSessions(world, count);

  let rounds = 0;
  let deleted = 0;
  await world.remote.withFaults(TROUBLE, async () => {
    while (rounds === 0 || (await world.database.queue()).length > 0) {
      rounds++;
      assert(rounds <= 20, "it does not end");
      await world.database.makeDue();
      const reports = await Promise.all([1, 2, 3, 4].map(() => world.swept({ force: true })));
      for (const report of reports) deleted += report.deleted;
    }
  });
  assert(rounds > 1, "the trouble was no trouble");
  assertEquals(deleted, count);
  assertEquals(await world.database.rowCount(), 0);
  const receipts = await world.database.receipts();
  assertEquals(new Set(receipts.map(({ id }) => id)).size, count);
  assertEquals(receipts.length, count);
  assertNothingLeft(await world.remote.audit());
});

integrationTest("four sweeps at once ask for each deletion once", async (world) => {
  const count = 120;
  await expiredSessions(world, count);
  const slow: FaultRule[] = DELETES.map((route) => ({ route, fault: { kind: "delay", ms: 20 } }));
  const calls = await world.remote.callsOf(() =>
    world.remote.withFaults(
      slow,
      () => Promise.all([1, 2, 3, 4].map(() => world.swept({ force: true }))),
    )
  );
  // Besides, each asks now and then how fast Acontext answers.
  const { "GET /session": _probes, ...deletes } = calls;
  assertEquals(deletes, {
    "GET /disk/:id/artifact/ls": count,
    "DELETE /disk/:id": count,
    "DELETE /session/:id": count,
  });
  assertNothingLeft(await world.remote.audit());
  assertEquals(await world.database.rowCount(), 0);
});

integrationTest("users who delete while a sweep expires get in nobody's way", async (world) => {
  const user = await world.newUser();
  const sessions = await world.createdMany(user, 60);
  const ids = sessions.map(({ id }) => id);
  await world.database.expire(ids);
  const slow: FaultRule[] = DELETES.map((route) => ({ route, fault: { kind: "delay", ms: 20 } }));
  await world.remote.withFaults(slow, async () => {
    const [, ...answers] = await Promise.all([
      world.swept({ force: true }),
      ...ids.map((id) => world.remove(user, id)),
    ]);
    for (const { status } of answers) assert([200, 202, 404].includes(status), `${status}`);
  });
  // A report on a session that somebody else held at that moment was left out, and its lease has to end.
  await world.database.endLeases();
  await world.database.makeDue();
  await world.swept();
  assertEquals(await world.database.rowCount(), 0);
  assertNothingLeft(await world.remote.audit());
});
