import { assertEquals, assertRejects } from "@std/assert/mod.js";
import {
  deleteSession,
  restoreSession,
} from "../../../../supabase/functions/_acontext_sessions/core/sessions/delete_session.ts";
import { deleteRemote } from "../../../../supabase/functions/_acontext_sessions/core/cleanup/delete_remote.ts";
import type {
  Deletion,
  Proof,
} from "../../../../supabase/functions/_acontext_sessions/core/cleanup/ports.ts";
import type { Outcome } from "../../../../supabase/functions/_acontext_sessions/core/ports.ts";
import { AppError } from "../../../../supabase/functions/_acontext_sessions/core/errors.ts";
import { HTTP_500 } from "../../fakes/acontext.ts";
import type { SessionRow } from "../../fakes/store_rows.ts";
import { ALICE, BOB, DAY, NOTHING_LEFT, uuid, World } from "../../fakes/world.ts";

function one(world: World): SessionRow {
  const [row] = world.active(1);
  if (row === undefined) throw new Error("Cannot make a session");
  return row;
}

function remove(world: World, row: SessionRow, userId = ALICE) {
  return world.run(deleteSession(world.deps, { userId, sessionId: row.id }));
}

function restore(world: World, row: SessionRow, userId = ALICE) {
  return world.run(restoreSession(world.deps, { userId, sessionId: row.id }));
}

function proofs(world: World): [Proof, Proof][] {
  return world.store.log.map(({ sessionProof, diskProof }) => [sessionProof, diskProof]);
}

Deno.test("deleteSession() deletes both resources side by side and leaves a receipt", async () => {
  const world = new World({ latencyMs: 1000 });
  const row = one(world);
  assertEquals(await remove(world, row), { deleted: true });
  assertEquals(world.clock.now(), 1000);
  assertEquals(world.left(), NOTHING_LEFT);
  assertEquals(proofs(world), [["deleted", "deleted"]]);
});

Deno.test("deleteSession() answers session_not_found and changes nothing when the session is another's or unknown", async () => {
  const world = new World();
  const row = one(world);
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
  const row = one(world);
  world.acontext.sessions.clear();
  assertEquals(await remove(world, row), { deleted: true });
  assertEquals(proofs(world), [["absent", "deleted"]]);
});

Deno.test("deleteSession() does not believe a 404 when the list fails", async () => {
  const world = new World();
  const row = one(world);
  world.acontext.outage = "database";
  assertEquals(await remove(world, row), { deleted: false });

  const { sessionProof, diskProof, attempts, nextAttemptAt, lastError } = world.entry(row.id);
  assertEquals([sessionProof, diskProof, attempts, nextAttemptAt], [null, null, 0, 60_000]);
  assertEquals(lastError, "session: http_500; disk: http_500");
  assertEquals(row.status, "deleting");
});

Deno.test("deleteSession() does not believe a 404 when the list still has it", async () => {
  const world = new World();
  const row = one(world);
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
  const row = one(world);
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
  const row = one(world);
  world.acontext.faults = [
    { calls: ["deleteSession"], times: 1, mishap: { kind: "lost" } },
  ];
  assertEquals(await remove(world, row), { deleted: false });
  await world.clock.advance(60_000);
  await world.run(world.sweep());
  assertEquals(proofs(world), [["absent", "deleted"]]);
});

Deno.test("deleteSession() answers not yet when a worker has the session already", async () => {
  const world = new World({ latencyMs: 1000 });
  const row = one(world);
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
  const row = one(world);
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
  const row = one(world);
  world.store.failure = (call) => call === "settleDeletions" ? "before" : null;
  assertEquals(await remove(world, row), { deleted: false });
  assertEquals(world.events, ["settle_failed"]);
  world.store.failure = () => null;
  assertEquals((await world.run(world.sweep())).total, 0);

  await world.clock.advance(80_000);
  await world.run(world.sweep());
  assertEquals(world.left(), NOTHING_LEFT);
  assertEquals(proofs(world), [["absent", "absent"]]);
});

Deno.test("deleteSession() counts no attempt when Acontext throttles", async () => {
  const world = new World();
  const row = one(world);
  world.acontext.faults = [{
    calls: ["deleteDisk"],
    mishap: { kind: "answer", outcome: { kind: "throttled", retryAfterMs: 1000 } },
  }];
  assertEquals(await remove(world, row), { deleted: false });
  const { sessionProof, attempts, leaseId, nextAttemptAt } = world.entry(row.id);
  assertEquals([sessionProof, attempts, leaseId, nextAttemptAt], ["deleted", 0, null, 0]);
});

Deno.test("restoreSession() takes a deletion back when the grace period runs", async () => {
  const world = new World({ settings: { deletionGraceMs: DAY } });
  const row = one(world);
  assertEquals(await remove(world, row), { deleted: false });
  assertEquals((await world.run(world.sweep())).total, 0);
  assertEquals((await restore(world, row)).status, "active");
  await world.clock.advance(2 * DAY);
  await world.run(world.sweep());
  assertEquals([world.acontext.sessions.size, world.acontext.disks.size], [1, 1]);
});

Deno.test("restoreSession() respects the quota", async () => {
  const world = new World({ settings: { deletionGraceMs: DAY, maxSessionsPerUser: 1 } });
  const row = one(world);
  await remove(world, row);
  const [other] = world.active(1);
  const error = await assertRejects(() => restore(world, row), AppError);
  assertEquals([error.code, row.status], ["quota_exceeded", "deleting"]);

  await remove(world, other ?? row);
  assertEquals((await restore(world, row)).status, "active");
});

Deno.test("restoreSession() refuses when there is nothing to restore", async () => {
  const world = new World();
  const row = one(world);
  const code = async (userId: string) =>
    (await assertRejects(() => restore(world, row, userId), AppError)).code;
  assertEquals(await code(BOB), "session_not_found");
  assertEquals(await code(ALICE), "not_restorable");

  world.acontext.outage = "network";
  await remove(world, row);
  assertEquals(await code(ALICE), "not_restorable");
  assertEquals(world.entry(row.id).id, row.id);
});

function deletion(row: SessionRow, changes: Partial<Deletion> = {}): Deletion {
  return {
    id: row.id,
    originId: row.id,
    acontextSessionId: row.acontextSessionId,
    acontextDiskId: row.acontextDiskId,
    sessionGone: false,
    diskGone: false,
    attempts: 0,
    ...changes,
  };
}

const gone = (proof: Proof) => ({ kind: "gone" as const, proof });

Deno.test("deleteRemote() asks the list about a 500 only when an earlier attempt failed", async () => {
  const world = new World();
  const row = one(world);
  world.acontext.sessions.clear();
  world.acontext.faults = [
    { calls: ["deleteSession"], mishap: { kind: "answer", outcome: HTTP_500 } },
  ];
  const attempt = (attempts: number) =>
    world.run(deleteRemote(world.deps, deletion(row, { attempts, diskGone: true }), 60_000));

  assertEquals((await attempt(0)).session, { kind: "sick", error: "http_500", underWay: false });
  assertEquals((await attempt(1)).session, gone("absent"));
  world.acontext.sessions.set(row.id, row.id);
  assertEquals((await attempt(1)).session, { kind: "failed", error: "still_listed" });
});

Deno.test("deleteRemote() leaves alone what is gone already", async () => {
  const world = new World();
  const row = one(world);
  const attempt = await world.run(
    deleteRemote(world.deps, deletion(row, { sessionGone: true, diskGone: true }), 60_000),
  );
  assertEquals(attempt, { session: null, disk: null });
  assertEquals([world.acontext.sessions.size, world.acontext.disks.size], [1, 1]);
});

Deno.test("deleteRemote() deletes all that carries the mark, and nothing else, when ids are unknown", async () => {
  const world = new World();
  const live = one(world);
  const row = world.halfMade({ session: true, disks: 3 });
  world.acontext.disks.set(uuid(0xf), null);
  const attempt = await world.run(deleteRemote(world.deps, deletion(row), 60_000));

  assertEquals(attempt, { session: gone("deleted"), disk: gone("deleted") });
  assertEquals([...world.acontext.sessions.keys()], [live.id]);
  assertEquals([...world.acontext.disks.keys()], [live.acontextDiskId ?? "", uuid(0xf)]);
});

Deno.test("deleteRemote() proves by list that nothing was made when ids are unknown", async () => {
  const world = new World();
  const row = world.halfMade({ session: false, disks: 0 });
  const attempt = await world.run(deleteRemote(world.deps, deletion(row), 60_000));
  assertEquals(attempt, { session: gone("absent"), disk: gone("absent") });
});

Deno.test("deleteRemote() looks again when a marked resource answers 404", async () => {
  const world = new World();
  const row = world.halfMade({ session: true, disks: 2 });
  const absent = { kind: "answer", outcome: { kind: "absent" } } as const;
  world.acontext.faults = [{ calls: ["deleteDisk"], times: 1, mishap: absent }];
  const attempt = () => world.run(deleteRemote(world.deps, deletion(row), 60_000));

  assertEquals((await attempt()).disk, { kind: "failed", error: "still_listed" });
  assertEquals(world.acontext.disks.size, 1);
  assertEquals((await attempt()).disk, gone("deleted"));
});

Deno.test("deleteRemote() touches nothing and says unproven when the server ignores labels", async () => {
  const world = new World({ labels: false });
  const live = one(world);
  const row = world.halfMade({ session: true, disks: 0 });
  const attempt = await world.run(deleteRemote(world.deps, deletion(row), 60_000));
  assertEquals(attempt.disk, gone("unproven"));
  assertEquals(world.acontext.disks.has(live.acontextDiskId ?? ""), true);
});

Deno.test("deleteRemote() deletes a known disk when the server ignores labels", async () => {
  const world = new World({ labels: false });
  const row = one(world);
  const attempt = () => world.run(deleteRemote(world.deps, deletion(row), 60_000));
  assertEquals((await attempt()).disk, gone("deleted"));
  one(world);
  assertEquals((await attempt()).disk, gone("absent"));
});

Deno.test("deleteRemote() starts no delete when the deadline has passed", async () => {
  const world = new World();
  const row = one(world);
  await world.clock.advance(60_001);
  const attempt = await world.run(deleteRemote(world.deps, deletion(row), 60_000));
  assertEquals(attempt, { session: { kind: "late" }, disk: { kind: "late" } });
  assertEquals([world.acontext.sessions.size, world.acontext.disks.size], [1, 1]);
});

Deno.test("deleteRemote() stops between marked disks when the deadline passes", async () => {
  const world = new World({ latencyMs: 1000 });
  const row = world.halfMade({ session: false, disks: 5 });
  const attempt = await world.run(deleteRemote(world.deps, deletion(row), 2500));
  assertEquals(attempt, { session: gone("absent"), disk: { kind: "late" } });
  assertEquals(world.acontext.deleteStarts, [1000, 2000]);
  assertEquals(world.acontext.disks.size, 3);
});

const REMOVALS: [Outcome<never>, unknown][] = [
  [{ kind: "throttled", retryAfterMs: 700 }, { kind: "throttled", retryAfterMs: 700 }],
  [{ kind: "unavailable", detail: "http_502" }, {
    kind: "sick",
    error: "http_502",
    underWay: false,
  }],
  [{ kind: "unknown", detail: "timeout" }, { kind: "sick", error: "timeout", underWay: true }],
  [{ kind: "rejected", status: 403, detail: "http_403" }, { kind: "failed", error: "http_403" }],
];

for (const [outcome, removal] of REMOVALS) {
  Deno.test(`deleteRemote() proves nothing when a call is ${JSON.stringify(outcome)}`, async () => {
    const mishap = { kind: "answer", outcome } as const;
    for (const calls of [["deleteSession", "deleteDisk"], ["findSessions", "findDisks"]] as const) {
      const world = new World();
      const row = one(world);
      world.acontext.faults = [{ calls: [...calls], mishap }];
      const attempt = () => world.run(deleteRemote(world.deps, deletion(row), 60_000));
      // Only what is gone already has to be looked for.
      if (calls[0] === "findSessions") {
        assertEquals(await attempt(), { session: gone("deleted"), disk: gone("deleted") });
      }
      assertEquals(await attempt(), { session: removal, disk: removal });

      const half = world.halfMade({ session: true, disks: 1 });
      const marked = await world.run(deleteRemote(world.deps, deletion(half), 60_000));
      assertEquals(marked, { session: removal, disk: removal });
    }
  });
}

Deno.test("deleteRemote() does not believe in an absent disk when the key is another project's", async () => {
  const world = new World();
  const row = one(world);
  const outcome = { kind: "rejected", status: 403, detail: "http_403" } as const;
  world.acontext.faults = [{ calls: ["deleteSession"], mishap: { kind: "answer", outcome } }];
  world.acontext.disks.clear();
  const attempt = await world.run(deleteRemote(world.deps, deletion(row), 60_000));
  assertEquals(attempt.session, { kind: "failed", error: "http_403" });
  assertEquals(attempt.disk, { kind: "failed", error: "wrong_project" });
});
