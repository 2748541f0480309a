import { assert } from "@std/assert/mod.js";
import type { FaultRule } from "../../local/acontext/fault_rules.ts";
import { chaosTest, DELETES, WORKERS } from "./chaos.ts";

const SESSIONS = 1000;

const BAD_DAY: FaultRule[] = [
  { route: "*", probability: 0.1, fault: { kind: "status", status: 500 } },
  { route: "*", probability: 0.02, fault: { kind: "drop", when: "after" } },
  ...DELETES.map((route): FaultRule => ({
    route,
    probability: 0.01,
    fault: { kind: "false404" },
  })),
];

chaosTest("four workers delete 1,000 expired sessions on a bad day, each once", async (chaos) => {
  const { world } = chaos;
  await chaos.addExpired(SESSIONS);
  const started = performance.now();
  let rounds = 0;
  let failed = 0;
  await world.remote.withFaults(BAD_DAY, async () => {
    while (rounds === 0 || (await world.database.queue()).length > 0) {
      rounds += 1;
      assert(rounds <= 30, "it does not end");
      // In place of the backoff, which would take minutes.
      await world.database.makeDue();
      const workers = Array.from({ length: WORKERS }, () => world.swept({ force: true }));
      for (const report of await Promise.all(workers)) failed += report.failed;
      await chaos.assertNoLeak();
    }
  });
  await chaos.assertNoOverlap();
  await chaos.assertAllGone();
  assert(failed > SESSIONS / 10, "the trouble was no trouble");
  const receipts = await world.database.receipts();
  const absent = receipts.filter((receipt) => receipt.session_proof === "absent").length;
  console.log(
    `${receipts.length} receipts in ${Math.round(performance.now() - started)} ms, ` +
      `${rounds} rounds, ${failed} failed attempts, ${absent} sessions proven gone by a list`,
  );
});
