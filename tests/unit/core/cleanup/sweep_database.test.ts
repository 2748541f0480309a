import { assert, assertEquals, assertRejects } from "@std/assert/mod.js";
import { AppError } from "../../../../supabase/functions/_acontext_sessions/core/errors.ts";
import type { StoreCall } from "../../fakes/store.ts";
import { NOTHING_LEFT, uuid, World } from "../../fakes/world.ts";

for (
  const [call, from] of [
    ["claimDeletions", 1],
    ["claimDeletions", 2],
    ["settleDeletions", 1],
    ["settleDeletions", 2],
  ] satisfies [StoreCall, number][]
) {
  for (const lost of ["before", "after"] as const) {
    Deno.test(`sweep() ends with reason error when the database fails ${lost} the effect of ${call} number ${from}`, async () => {
      const world = new World({ latencyMs: 100, storeLatencyMs: 10 });
      world.expired(300);
      let calls = 0;
      world.store.failure = (name) => name === call && ++calls >= from ? lost : null;
      const report = await world.run(world.sweep());

      assertEquals(report.stopReason, "error");
      assertEquals(report.total, report.deleted + report.deferred);
      assertEquals([...new Set(world.events)], ["sweep_run_failed"]);
      assertEquals(world.leaked(), []);
      assert([...world.store.queue.values()].every(({ attempts }) => attempts === 0));

      world.store.failure = () => null;
      await world.clock.advance(310_000);
      await world.run(world.sweep());
      assertEquals(world.left(), NOTHING_LEFT);
      assertEquals(world.acontext.overlappingDeletes, 0);
    });
  }
}

for (const lost of ["before", "after"] as const) {
  Deno.test(`sweep() works the queue off when the database fails ${lost} the effect of queueDue`, async () => {
    const world = new World({ latencyMs: 100, storeLatencyMs: 10 });
    const asked = world.expired(3);
    const runId = uuid(0xf1);
    await world.run(world.store.startRun({ runId, force: false }));
    const moved = await world.run(world.store.queueDue({ runId, limit: 3 }));
    assertEquals(moved.expired, asked.length);
    world.expired(2);
    world.store.failure = (name) => name === "queueDue" ? lost : null;
    const report = await world.run(world.sweep());

    assertEquals(report.stopReason, "queueing_failed");
    assertEquals(report.errors, [{ id: report.runId, error: "queueing_failed" }]);
    assertEquals(world.events, ["queueing_failed"]);
    assertEquals(report.deleted, lost === "before" ? 3 : 5);

    world.store.failure = () => null;
    await world.run(world.sweep());
    assertEquals(world.left(), NOTHING_LEFT);
  });
}

Deno.test("sweep() tells which part of a step failed, once, and deletes what the others moved", async () => {
  const world = new World({ latencyMs: 100 });
  world.expired(40);
  const queueDue = world.store.queueDue.bind(world.store);
  world.store.queueDue = async (input) => ({
    ...await queueDue({ ...input, limit: Math.min(input.limit, 10) }),
    problems: ["stale_failed: P0001"],
  });
  const report = await world.run(world.sweep());
  assertEquals(report.stopReason, "queueing_failed");
  assertEquals(report.errors, [{ id: report.runId, error: "stale_failed: P0001" }]);
  assertEquals(report.deleted, 40);
  assertEquals(world.left(), NOTHING_LEFT);
});

Deno.test("sweep() ends with reason error when the adapter breaks its promise and throws", async () => {
  const world = new World({ latencyMs: 100 });
  const rows = world.expired(100);
  const { acontext } = world;
  const deleteDisk = acontext.deleteDisk.bind(acontext);
  acontext.deleteDisk = (id, limitMs) =>
    id === rows[20]?.acontextDiskId
      ? Promise.reject(new TypeError("broken"))
      : deleteDisk(id, limitMs);
  const report = await world.run(world.sweep());
  assertEquals(report.stopReason, "error");
  assertEquals(world.events, ["sweep_run_failed"]);
  // Nobody knows what the broken call did: its lease ends by itself.
  assertEquals(world.left().leased, 1);
  assertEquals(report.total, report.deleted + report.deferred);
});

for (const call of ["startRun", "finishRun"] as const) {
  Deno.test(`sweep() throws database_unavailable and holds no lease when the database fails at ${call}`, async () => {
    const world = new World();
    world.expired(3);
    world.store.failure = (name) => name === call ? "before" : null;
    const error = await assertRejects(() => world.run(world.sweep()), AppError);
    assertEquals(error.code, "database_unavailable");
    assertEquals(world.left().leased, 0);
  });
}
