import { assertEquals, assertRejects } from "@std/assert/mod.js";
import type { Proof } from "../../../../supabase/functions/_acontext_sessions/core/cleanup/ports.ts";
import { AppError } from "../../../../supabase/functions/_acontext_sessions/core/errors.ts";
import { deleteSession } from "../../../../supabase/functions/_acontext_sessions/core/sessions/delete_session.ts";
import { HTTP_500 } from "../../fakes/acontext.ts";
import type { SessionRow } from "../../fakes/store_rows.ts";
import { ALICE, BOB, DAY, NOTHING_LEFT, uuid, World } from "../../fakes/world.ts";

function remove(world: World, row: SessionRow, userId = ALICE) {
  return world.run(deleteSession(world.deps, { userId, sessionId: row.id }));
}

function proofs(world: World): [Proof, Proof][] {
  return world.store.log.map(({ sessionProof, diskProof }) => [sessionProof, diskProof]);
}

Deno.test("deleteSession() deletes both resources, one after the other, and leaves a receipt", async () => {
  const world = new World({ latencyMs: 1000 });
  const row = world.one();
  assertEquals(await remove(world, row), { deleted: true });
  assertEquals(world.clock.now(), 2000);
  assertEquals(world.acontext.maxDeletesUnderWay, 1);
  assertEquals(world.left(), NOTHING_LEFT);
  assertEquals(proofs(world), [["deleted", "deleted"]]);
});

Deno.test("deleteSession() answers session_not_found and changes nothing when the session is another's or unknown", async () => {
  const world = new World();
  const row = world.one();
  for (const [userId, id] of [[BOB, row.id], [ALICE, uuid(9)]] as const) {
    const error = await assertRejects(
      () => world.run(deleteSession(world.deps, { userId, sessionId: id })),
      AppError,
    );
    assertEquals(error.code, "session_not_found");
  }
  assertEquals(row.status, "active");
  assertEquals([world.acontext.sessions.size, world.acontext.disks.size], [1, 1]);
});

Deno.test("deleteSession() believes a 404 when a list confirms it", async () => {
  const world = new World();
  const row = world.one();
  world.acontext.sessions.clear();
  assertEquals(await remove(world, row), { deleted: true });
  assertEquals(proofs(world), [["absent", "deleted"]]);
});

Deno.test("deleteSession() does not believe a 404 when the list fails", async () => {
  const world = new World();
  const row = world.one();
  world.acontext.outage = "database";
  assertEquals(await remove(world, row), { deleted: false });

  const { sessionProof, diskProof, attempts, nextAttemptAt, lastError } = world.entry(row.id);
  assertEquals([sessionProof, diskProof, attempts, nextAttemptAt], [null, null, 0, 60_000]);
  assertEquals(lastError, "session: http_500; disk: http_500");
  assertEquals(row.status, "deleting");
});

Deno.test("deleteSession() does not believe a 404 when the list still has it", async () => {
  const world = new World();
  const row = world.one();
  world.acontext.faults = [
    { calls: ["deleteDisk"], times: 1, mishap: { kind: "answer", outcome: { kind: "absent" } } },
  ];
  assertEquals(await remove(world, row), { deleted: false });
  const entry = world.entry(row.id);
  assertEquals([entry.sessionProof, entry.diskProof], ["deleted", null]);
  assertEquals([entry.attempts, entry.lastError], [1, "disk: still_listed"]);
  assertEquals(world.acontext.disks.size, 1);
});

Deno.test("deleteSession() keeps the other resource's proof when one fails, and the sweep resumes with the failed one", async () => {
  const world = new World();
  const row = world.one();
  world.acontext.faults = [
    { calls: ["deleteDisk"], times: 1, mishap: { kind: "answer", outcome: HTTP_500 } },
  ];
  assertEquals(await remove(world, row), { deleted: false });
  assertEquals(world.entry(row.id).sessionProof, "deleted");
  await world.clock.advance(60_000);
  await world.run(world.sweep());

  assertEquals(world.left(), NOTHING_LEFT);
  assertEquals(proofs(world), [["deleted", "deleted"]]);
  assertEquals([world.acontext.calls.deleteSession, world.acontext.calls.deleteDisk], [1, 2]);
});

Deno.test("deleteSession() is proven by the list when the answer was lost", async () => {
  const world = new World();
  const row = world.one();
  world.acontext.faults = [
    { calls: ["deleteSession"], times: 1, mishap: { kind: "lost" } },
  ];
  assertEquals(await remove(world, row), { deleted: false });
  // Whoever asked has an answer in the time of one request; the delete is still waited for.
  assertEquals(world.clock.now(), 10_000);
  await world.run(world.settled());
  assertEquals([world.clock.now(), world.entry(row.id).sessionInDoubt], [120_000, true]);
  await world.clock.advance(60_000);
  await world.run(world.sweep());
  assertEquals(proofs(world), [["absent", "deleted"]]);
});

Deno.test("deleteSession() answers not yet when a worker has the session already", async () => {
  const world = new World({ latencyMs: 1000 });
  const row = world.one();
  row.lastActivityAt = -31 * DAY;
  const sweeping = world.sweep();
  await world.clock.advance(100);
  assertEquals(await remove(world, row), { deleted: false });
  await world.run(sweeping);
  assertEquals(world.left(), NOTHING_LEFT);
  assertEquals(world.acontext.overlappingDeletes, 0);
});

Deno.test("deleteSession() never deletes twice at a time when asked twice at once", async () => {
  const world = new World({ latencyMs: 1000, storeLatencyMs: 20 });
  const row = world.one();
  const [first, second] = await world.run(Promise.all([
    deleteSession(world.deps, { userId: ALICE, sessionId: row.id }),
    deleteSession(world.deps, { userId: ALICE, sessionId: row.id }),
  ]));
  assertEquals([first.deleted, second.deleted], [true, false]);
  assertEquals(world.left(), NOTHING_LEFT);
  assertEquals(world.acontext.calls.deleteDisk, 1);
});

Deno.test("deleteSession() answers not yet when the database fails at the report, and the sweep finishes after the lease", async () => {
  const world = new World();
  const row = world.one();
  world.store.failure = (call) => call === "settleDeletions" ? "before" : null;
  assertEquals(await remove(world, row), { deleted: false });
  assertEquals(world.events, ["settle_failed"]);
  world.store.failure = () => null;
  assertEquals((await world.run(world.sweep())).total, 0);

  await world.clock.advance(310_000);
  await world.run(world.sweep());
  assertEquals(world.left(), NOTHING_LEFT);
  assertEquals(proofs(world), [["absent", "absent"]]);
  // The lease ended without a report, so the list was looked at before another delete would have been sent.
  assertEquals(world.acontext.calls.deleteSession, 1);
});

Deno.test("deleteSession() counts no attempt when Acontext throttles", async () => {
  const world = new World();
  const row = world.one();
  world.acontext.faults = [{
    calls: ["deleteDisk"],
    mishap: { kind: "answer", outcome: { kind: "throttled", retryAfterMs: 1000 } },
  }];
  assertEquals(await remove(world, row), { deleted: false });
  const { sessionProof, attempts, leaseId, nextAttemptAt } = world.entry(row.id);
  assertEquals([sessionProof, attempts, leaseId, nextAttemptAt], ["deleted", 0, null, 0]);
});

Deno.test("deleteSession() deletes nothing for a user who deletes too many, and says when to come back", async () => {
  const world = new World();
  const row = world.one();
  world.store.requestDeletion = () =>
    Promise.resolve({ outcome: "rate_limited", retryAfterMs: 1500 });
  const error = await assertRejects(() => remove(world, row), AppError);
  assertEquals([error.code, error.status, error.retryAfterSeconds], ["rate_limited", 429, 2]);
  assertEquals([world.acontext.sessions.size, world.acontext.disks.size], [1, 1]);
});
