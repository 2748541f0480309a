import { assert, assertEquals } from "@std/assert/mod.js";
import { NOTHING_LEFT, uuid, World } from "../../fakes/world.ts";

Deno.test("sweep() finishes what a dead worker left when the lease has ended", async () => {
  const world = new World();
  world.expired(20);
  await world.store.startRun({ runId: uuid(0xf1), force: false });
  await world.store.queueDue({ runId: uuid(0xf1), limit: 20 });
  const claimed = { limit: 20, maxMessages: 100 };
  await world.store.claimDeletions(claimed, { leaseId: uuid(0xf2), leaseSeconds: 80 });
  for (const id of [...world.acontext.sessions.keys()].slice(0, 10)) {
    world.acontext.sessions.delete(id);
  }
  assertEquals((await world.run(world.sweep())).total, 0);
  await world.clock.advance(80_000);
  assertEquals((await world.run(world.sweep())).deleted, 20);
  assertEquals(world.left(), NOTHING_LEFT);
});

for (const workers of [2, 4]) {
  Deno.test(`sweep() never deletes one id twice at a time when ${workers} workers run at once`, async () => {
    const world = new World({ latencyMs: 100, storeLatencyMs: 15 });
    const rows = world.expired(1000);
    world.acontext.faults = rows.filter((_, index) => index % 50 === 0).flatMap(({ id }, index) => [
      { calls: ["deleteSession"], id, times: 1, mishap: { kind: "lost" } } as const,
      {
        calls: ["deleteDisk"],
        id: rows[index * 7]?.acontextDiskId ?? "",
        times: 1,
        mishap: { kind: "answer", outcome: { kind: "absent" } },
      } as const,
    ]);
    const sweeps = Array.from({ length: workers }, () => world.sweep());
    const reports = await world.run(Promise.all(sweeps));
    assert(reports.every(({ deleted }) => deleted > 500 / workers));
    for (let round = 0; round < 4; round++) {
      await world.clock.advance(120_000);
      await world.run(Promise.all([world.sweep(), world.sweep()]));
    }

    assertEquals(world.left(), NOTHING_LEFT);
    assertEquals(world.acontext.overlappingDeletes, 0);
    assertEquals(world.store.log.length, 1000);
  });
}

Deno.test("sweep() never deletes one id twice at a time when the work is slow", async () => {
  const world = new World({ latencyMs: 9000, settings: { concurrency: 4 } });
  world.lifetimeMs = 1_000_000;
  world.expired(150);
  const workers = [world.sweep({ timeBudgetMs: 900_000 }), world.sweep({ timeBudgetMs: 900_000 })];
  const reports = await world.run(Promise.all(workers));
  assertEquals(reports.map(({ failed }) => failed), [0, 0]);
  assertEquals(world.left(), NOTHING_LEFT);
  assertEquals(world.acontext.overlappingDeletes, 0);
});

Deno.test("sweep() counts as failed only what the database took note of", async () => {
  const world = new World();
  world.expired(3);
  world.acontext.deleteSession = () =>
    Promise.resolve({ kind: "rejected", status: 409, detail: "http_409" });
  const { store } = world;
  const settle = store.settleDeletions.bind(store);
  store.settleDeletions = (leaseId, settlements) => {
    // Two of the leases have ended, and another worker has taken what they held.
    for (const entry of [...store.queue.values()].slice(1)) entry.leaseId = uuid(0xf1);
    return settle(leaseId, settlements);
  };
  const { total, deleted, failed, deferred } = await world.run(world.sweep());
  assertEquals({ total, deleted, failed, deferred }, {
    total: 3,
    deleted: 0,
    failed: 1,
    deferred: 2,
  });
});

Deno.test("sweep() never deletes one id twice at a time when leases end during slow work", async () => {
  const world = new World({ latencyMs: 9000, settings: { concurrency: 4 } });
  const rows = world.expired(20);
  // Both claims, of 16 and of 4, are made at the start. The first is worked off after 36 s, and a pause then ends 1 s
  // before the lease of the second: a delete that began there would outlive it.
  world.acontext.faults = [{
    calls: ["deleteSession"],
    id: rows[15]?.id ?? "",
    times: 1,
    mishap: { kind: "answer", outcome: { kind: "throttled", retryAfterMs: 43_000 } },
  }];
  const slow = world.sweep({ timeBudgetMs: 400_000 });
  await world.clock.advance(80_000);
  await world.run(Promise.all([slow, world.sweep({ timeBudgetMs: 400_000 })]));
  assertEquals(world.left(), NOTHING_LEFT);
  assertEquals(world.acontext.overlappingDeletes, 0);
});
