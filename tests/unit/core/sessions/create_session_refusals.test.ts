import { assertEquals } from "@std/assert/mod.js";
import type { ErrorCode } from "../../../../supabase/functions/_acontext_sessions/core/errors.ts";
import { deleteSession } from "../../../../supabase/functions/_acontext_sessions/core/sessions/delete_session.ts";
import type { Outcome } from "../../../../supabase/functions/_acontext_sessions/core/ports.ts";
import type { Call } from "../../fakes/acontext.ts";
import type { StoreCall } from "../../fakes/store.ts";
import { ALICE, BOB, DAY, uuid, World } from "../../fakes/world.ts";
import { create, ID, refused } from "./create_fixtures.ts";

function fail(world: World, calls: Call[], outcome: Outcome<never>): void {
  world.acontext.faults = [{ calls, mishap: { kind: "answer", outcome } }];
}

Deno.test("createSession() answers id_taken and keeps off when Acontext holds somebody else's session with this id", async () => {
  const world = new World();
  world.acontext.sessions.set(ID, null);
  await refused(world, "id_taken");
  await refused(world, "id_taken");

  assertEquals(world.acontext.disks.size, 1);
  await world.clock.advance(700_000);
  await world.run(world.sweep());
  assertEquals([...world.acontext.sessions], [[ID, null]]);
  assertEquals(world.acontext.disks.size, 0);
});

Deno.test("createSession() answers id_taken when the id belongs to a session of another Acontext project", async () => {
  const world = new World();
  fail(world, ["createSession"], { kind: "rejected", status: 409, detail: "http_409" });
  await refused(world, "id_taken");
});

Deno.test("createSession() takes the session that carries its mark when a late request of an earlier call wins the race", async () => {
  const world = new World();
  world.acontext.sessions.set(ID, ID);
  fail(world, ["createSession"], { kind: "rejected", status: 409, detail: "http_409" });
  const { session } = await world.run(create(world, { id: ID }));
  assertEquals([session.status, session.acontextSessionId], ["active", ID]);
});

const REFUSALS: [Outcome<never>, ErrorCode, number | null][] = [
  [{ kind: "throttled", retryAfterMs: 6500 }, "acontext_unavailable", 7],
  [{ kind: "throttled", retryAfterMs: 1 }, "acontext_unavailable", 1],
  [{ kind: "unavailable", detail: "refused" }, "acontext_unavailable", 5],
  [{ kind: "unknown", detail: "timeout" }, "acontext_unavailable", 5],
  [{ kind: "absent" }, "acontext_rejected", null],
  [{ kind: "rejected", status: 400, detail: "http_400" }, "acontext_rejected", null],
  [{ kind: "rejected", status: 409, detail: "foreign_session" }, "id_taken", null],
];

for (const call of ["createSession", "createDisk"] as const) {
  for (const [outcome, code, retryAfter] of REFUSALS) {
    Deno.test(`createSession() answers ${code} and frees the lease when ${call} is ${JSON.stringify(outcome)}`, async () => {
      const world = new World();
      fail(world, [call], outcome);
      const error = await refused(world, code);

      assertEquals(error.retryAfterSeconds, retryAfter);
      assertEquals(world.store.leases.size, 0);
      assertEquals(world.store.sessions.get(ID)?.status, "provisioning");
      assertEquals(world.leaked(), []);
    });
  }
}

Deno.test("createSession() makes nothing when the list it has to look at cannot be read", async () => {
  const world = new World();
  const row = world.halfMade({ session: true, disks: 1 });
  fail(world, ["findSessions", "findDisks"], { kind: "unavailable", detail: "bad_shape" });
  await refused(world, "acontext_unavailable", { id: row.id });
  assertEquals([world.acontext.sessions.size, world.acontext.disks.size], [1, 1]);
});

Deno.test("createSession() maps each refusal of the database", async () => {
  const world = new World({ settings: { maxSessionsPerUser: 1 } });
  const [row] = world.active(1);
  const full = await refused(world, "quota_exceeded");
  assertEquals([full.message, full.hint, full.details], [
    "Cannot create the session: the limit of 1 sessions is reached",
    "Delete a session first",
    [{ path: "max_sessions_per_user", message: "allows 1 sessions" }],
  ]);
  await refused(world, "session_not_found", { id: row?.id ?? "", userId: BOB });
  await refused(world, "user_deleted", { userId: uuid(7) });
  world.store.banned.add(ALICE);
  await refused(world, "user_banned");
  world.store.banned.clear();
  world.store.settings.maxSessionsPerUser = null;

  if (row) row.status = "deleting";
  await refused(world, "session_deleting", { id: row?.id ?? "" });
  world.store.sessions.clear();
  const proofs = { sessionProof: "deleted", diskProof: "deleted" } as const;
  const receipt = { reason: "requested", ...proofs, repeatedDeletes: 0, sessionMs: null } as const;
  world.store.log.push({ ...receipt, id: ID, originId: ID, userId: ALICE, attempts: 0 });
  await refused(world, "session_deleted");
  await refused(world, "session_not_found", { id: ID, userId: BOB });
  assertEquals(world.acontext.calls.createDisk, 0);
});

for (
  const [call, lost] of [
    ["beginSession", "before"],
    ["beginSession", "after"],
    ["activateSession", "before"],
    ["activateSession", "after"],
  ] satisfies [StoreCall, "before" | "after"][]
) {
  Deno.test(`createSession() can be repeated when the database fails ${lost} the effect of ${call}`, async () => {
    const world = new World();
    world.store.failure = (name) => name === call ? lost : null;
    await refused(world, "database_unavailable");
    world.store.failure = () => null;
    assertEquals(world.leaked(), []);

    if (call === "beginSession") await world.clock.advance(80_000);
    const { session } = await world.run(create(world, { id: ID }));
    assertEquals(session.status, "active");
    assertEquals([world.acontext.sessions.size, world.acontext.disks.size], [1, 1]);
  });
}

Deno.test("createSession() tells why making failed even when the lease cannot be freed", async () => {
  const world = new World();
  fail(world, ["createDisk"], { kind: "unavailable", detail: "http_503" });
  world.store.failure = (name) => name === "releaseSession" ? "before" : null;
  await refused(world, "acontext_unavailable");
  assertEquals(world.events, ["release_failed"]);
});

Deno.test("createSession() leaves the session in doubt when another caller has taken it over", async () => {
  const world = new World({ latencyMs: 1000 });
  const refusal = refused(world, "session_busy");
  await world.clock.advance(100);
  world.store.leases.set(ID, { leaseId: uuid(0xbad), until: 60_000 });
  assertEquals((await refusal).retryAfterSeconds, 1);

  assertEquals([...world.store.uncertain], [ID]);
  assertEquals(world.store.sessions.get(ID)?.status, "provisioning");
  assertEquals(world.leaked(), []);
});

Deno.test("createSession() makes nothing while as many sessions as the quota allows are being deleted", async () => {
  const world = new World({ settings: { maxSessionsPerUser: 1, deletionGraceMs: DAY } });
  const row = world.one();
  await world.run(deleteSession(world.deps, { userId: ALICE, sessionId: row.id }));
  const error = await refused(world, "quota_exceeded");
  assertEquals([error.message, error.hint, error.details], [
    "Cannot create the session: the limit of 1 sessions in deletion is reached",
    "Wait until some of them are gone, or restore one",
    [{ path: "max_sessions_per_user", message: "allows 1 sessions that are being deleted" }],
  ]);
  assertEquals([world.acontext.sessions.size, world.acontext.disks.size], [1, 1]);
});

Deno.test("createSession() makes nothing for a user who makes too many, and says when to come back", async () => {
  const world = new World();
  world.store.beginSession = () => Promise.resolve({ outcome: "rate_limited", retryAfterMs: 1500 });
  const error = await refused(world, "rate_limited");
  assertEquals([error.status, error.retryAfterSeconds], [429, 2]);
  assertEquals([world.acontext.sessions.size, world.acontext.disks.size], [0, 0]);
});
