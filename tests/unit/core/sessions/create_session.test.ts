import { assertEquals } from "@std/assert/mod.js";
import { AppError } from "../../../../supabase/functions/_acontext_sessions/core/errors.ts";
import { HTTP_500 } from "../../fakes/acontext.ts";
import { ALICE, NOTHING_LEFT, uuid, World } from "../../fakes/world.ts";
import { create, ID, refused } from "./create_fixtures.ts";

Deno.test("createSession() makes both remote resources side by side and binds them", async () => {
  const world = new World({ latencyMs: 1000 });
  const { created, session } = await world.run(create(world, { title: "Trip", ttl: 60 }));

  assertEquals(world.clock.now(), 1000);
  assertEquals(created, true);
  assertEquals([session.status, session.title, session.ttl], ["active", "Trip", 60]);
  assertEquals([...world.acontext.sessions], [[session.acontextSessionId ?? "", session.id]]);
  assertEquals([...world.acontext.disks], [[session.acontextDiskId ?? "", session.id]]);
  assertEquals(world.store.leases.size, 0);
  assertEquals(world.store.uncertain.size, 0);
});

Deno.test("createSession() answers the existing session when its id is sent again", async () => {
  const world = new World();
  const first = await world.run(create(world, { id: ID, title: "First" }));
  const second = await world.run(create(world, { id: ID, title: "Second" }));

  assertEquals(second, { created: false, session: first.session });
  assertEquals(world.acontext.sessions.size, 1);
  assertEquals(world.acontext.disks.size, 1);
});

Deno.test("createSession() lets one caller make the disk when two send one id at once", async () => {
  const world = new World({ latencyMs: 400, storeLatencyMs: 20 });
  const [one, other] = await world.run(
    Promise.all([create(world, { id: ID }), create(world, { id: ID })]),
  );

  assertEquals([one?.created, other?.created], [true, false]);
  assertEquals(one?.session.acontextDiskId, other?.session.acontextDiskId);
  assertEquals(world.acontext.disks.size, 1);
});

Deno.test("createSession() answers session_busy with the lease's rest when another caller takes long", async () => {
  const world = new World();
  world.acontext.faults = [
    { calls: ["createDisk"], times: 1, mishap: { kind: "slow", ms: 40_000 } },
  ];
  const slow = create(world, { id: ID });
  const error = await refused(world, "session_busy");
  assertEquals(world.clock.now(), 8000);
  assertEquals(error.retryAfterSeconds, 72);

  assertEquals((await world.run(slow)).created, true);
  assertEquals(world.acontext.disks.size, 1);
});

Deno.test("createSession() goes on with a half-made session when the caller before it gives up", async () => {
  const world = new World({ latencyMs: 1000 });
  world.acontext.faults = [
    { calls: ["createDisk"], times: 1, mishap: { kind: "answer", outcome: HTTP_500 } },
  ];
  const failing = create(world, { id: ID }).catch((error: unknown) => error);
  const waiting = create(world, { id: ID });
  await world.clock.advance(100);
  await world.run(waiting);

  assertEquals(await failing instanceof AppError, true);
  assertEquals(world.store.sessions.get(ID)?.status, "active");
  assertEquals([world.acontext.sessions.size, world.acontext.disks.size], [1, 1]);
});

for (
  const [missing, failing] of [["disk", "createDisk"], ["session", "createSession"]] as const
) {
  Deno.test(`createSession() makes the missing ${missing} when a half-made session is sent again`, async () => {
    const world = new World();
    world.acontext.faults = [
      { calls: [failing], times: 1, mishap: { kind: "answer", outcome: HTTP_500 } },
    ];
    const error = await refused(world, "acontext_unavailable");
    assertEquals(error.retryAfterSeconds, 5);
    assertEquals(
      [error.message, error.hint],
      [
        "Cannot create the session: Acontext did not confirm in time",
        `Send the same request again with "id": "${ID}"`,
      ],
    );
    assertEquals(world.acontext.sessions.size + world.acontext.disks.size, 1);
    assertEquals(world.leaked(), []);
    const kept = [...world.acontext.sessions.keys(), ...world.acontext.disks.keys()];

    const { session } = await world.run(create(world, { id: ID }));
    assertEquals(session.status, "active");
    assertEquals([...world.acontext.sessions.keys()], [session.acontextSessionId ?? ""]);
    assertEquals([...world.acontext.disks.keys()], [session.acontextDiskId ?? ""]);
    assertEquals(
      kept.every((id) => [session.acontextSessionId, session.acontextDiskId].includes(id)),
      true,
    );
  });
}

for (const call of ["createDisk", "createSession"] as const) {
  Deno.test(`createSession() finds what was made by its mark when the answer to ${call} is lost`, async () => {
    const world = new World();
    world.acontext.faults = [{ calls: [call], times: 1, mishap: { kind: "lost" } }];
    const { created, session } = await world.run(create(world, { id: ID }));

    assertEquals([created, session.status], [true, "active"]);
    assertEquals([...world.acontext.sessions.keys()], [session.acontextSessionId ?? ""]);
    assertEquals([...world.acontext.disks.keys()], [session.acontextDiskId ?? ""]);
    assertEquals([...world.store.uncertain], [ID]);
  });
}

Deno.test("createSession() remembers that more may come when a lost POST /disk lands after the next call made another", async () => {
  const world = new World();
  world.acontext.faults = [
    { calls: ["createDisk"], times: 1, mishap: { kind: "late", ms: 30_000 } },
  ];
  await refused(world, "acontext_unavailable");
  await world.run(create(world, { id: ID }));
  await world.clock.advance(60_000);

  assertEquals(world.acontext.disks.size, 2);
  assertEquals([...world.store.uncertain], [ID]);
});

Deno.test("createSession() binds one disk and queues the others when several carry the session's label", async () => {
  const world = new World();
  const row = world.halfMade({ session: true, disks: 3 });
  const { session } = await world.run(create(world, { id: row.id }));
  assertEquals(world.acontext.disks.size, 3);
  assertEquals(world.leaked(), []);

  await world.clock.advance(3_000);
  await world.run(world.sweep());
  assertEquals([...world.acontext.disks.keys()], [session.acontextDiskId ?? ""]);
  assertEquals(world.store.sessions.get(row.id)?.status, "active");
});

Deno.test("createSession() answers session_deleting when the session is deleted meanwhile, and leaves what it made to the sweep", async () => {
  const world = new World({ latencyMs: 1000 });
  const creating = create(world, { id: ID }).catch((error: unknown) => error);
  await world.clock.advance(100);
  await world.store.requestDeletion({ userId: ALICE, sessionId: ID }, {
    leaseId: uuid(0xbad),
    leaseSeconds: 80,
  });
  const error = await world.run(creating);

  assertEquals(error instanceof AppError && error.code, "session_deleting");
  assertEquals(world.leaked(), []);
  await world.run(world.sweep());
  assertEquals(world.left(), NOTHING_LEFT);
});

Deno.test("createSession() queues what it made when the session was deleted and proven gone meanwhile", async () => {
  const world = new World({ latencyMs: 1000 });
  const creating = create(world, { id: ID }).catch((error: unknown) => error);
  await world.clock.advance(100);
  // The row is gone without a trace: only what the call brings back is known.
  world.store.sessions.delete(ID);
  const error = await world.run(creating);

  assertEquals(error instanceof AppError && error.code, "session_deleting");
  assertEquals(world.leaked(), []);
  await world.clock.advance(3_000);
  await world.run(world.sweep());
  assertEquals(world.left(), NOTHING_LEFT);
});

Deno.test("createSession() queues the half that it made when the session was deleted and proven gone meanwhile", async () => {
  const world = new World({ latencyMs: 1000 });
  world.acontext.faults = [
    { calls: ["createSession"], mishap: { kind: "answer", outcome: HTTP_500 } },
  ];
  const creating = create(world, { id: ID }).catch((error: unknown) => error);
  await world.clock.advance(100);
  world.store.sessions.delete(ID);
  const error = await world.run(creating);

  assertEquals(error instanceof AppError && error.code, "acontext_unavailable");
  assertEquals(world.leaked(), []);
  await world.clock.advance(3_000);
  await world.run(world.sweep());
  assertEquals(world.left(), NOTHING_LEFT);
});

Deno.test("createSession() answers session_busy and frees the lease when what it found is queued for deletion", async () => {
  const world = new World();
  const row = world.halfMade({ session: true, disks: 1 });
  const [diskId = ""] = world.acontext.disks.keys();
  world.store.queue.set("orphan", {
    id: "orphan",
    originId: row.id,
    reason: "orphan",
    userId: ALICE,
    acontextSessionId: null,
    acontextDiskId: diskId,
    attempts: 0,
    nextAttemptAt: 0,
    claimed: false,
    leaseId: null,
    leasedUntil: 0,
    sessionProof: "absent",
    diskProof: null,
    lastError: null,
    messages: null,
    sessionInDoubt: false,
    diskInDoubt: false,
    slow: false,
    holdsSlot: false,
    repeatedDeletes: 0,
  });
  const error = await refused(world, "session_busy", { id: row.id });
  assertEquals(error.retryAfterSeconds, 30);
  assertEquals(world.store.leases.size, 0);
  assertEquals(world.acontext.disks.size, 1);

  row.createdAt = world.clock.now();
  await world.run(world.sweep());
  assertEquals(world.acontext.disks.size, 0);
  const { session } = await world.run(create(world, { id: row.id }));
  assertEquals([...world.acontext.disks.keys()], [session.acontextDiskId ?? ""]);
});

Deno.test("createSession() answers session_busy when its lease passed to another caller", async () => {
  const world = new World();
  world.acontext.faults = [
    { calls: ["createSession"], times: 1, mishap: { kind: "slow", ms: 90_000 } },
  ];
  const slow = create(world, { id: ID }).catch((error: unknown) => error);
  await world.clock.advance(85_000);
  world.store.leases.set(ID, { leaseId: uuid(0xbad), until: 200_000 });
  const error = await world.run(slow);

  assertEquals(error instanceof AppError && error.code, "session_busy");
  assertEquals(world.store.leases.get(ID)?.leaseId, uuid(0xbad));
  assertEquals(world.store.sessions.get(ID)?.status, "provisioning");
  assertEquals(world.leaked(), []);
});

Deno.test("createSession() makes nothing when looking took so long that its lease may end", async () => {
  const world = new World();
  const row = world.halfMade({ session: false, disks: 0 });
  world.acontext.faults = [
    { calls: ["findDisks"], times: 1, mishap: { kind: "slow", ms: 61_000 } },
  ];
  await refused(world, "acontext_unavailable", { id: row.id });
  assertEquals(world.acontext.disks.size, 0);
  assertEquals(world.store.leases.size, 0);
});

Deno.test("createSession() binds the id that the server chose when the server ignores use_uuid", async () => {
  const world = new World({ useUuid: false });
  const { session } = await world.run(create(world, { id: ID }));
  assertEquals(session.acontextSessionId === ID, false);
  assertEquals([...world.acontext.sessions], [[session.acontextSessionId ?? "", ID]]);
});

Deno.test("createSession() finds the lost session by its mark when the server ignores use_uuid", async () => {
  const world = new World({ useUuid: false });
  world.acontext.faults = [{ calls: ["createSession"], times: 1, mishap: { kind: "lost" } }];
  const { session } = await world.run(create(world, { id: ID }));
  assertEquals([...world.acontext.sessions], [[session.acontextSessionId ?? "", ID]]);
});

Deno.test("createSession() takes no disk that may be another's when the server ignores labels", async () => {
  const world = new World({ labels: false });
  const [other] = world.active(1);
  world.acontext.faults = [{ calls: ["createDisk"], times: 1, mishap: { kind: "lost" } }];
  await refused(world, "acontext_unavailable");
  const { session } = await world.run(create(world, { id: ID }));

  assertEquals(session.acontextDiskId === other?.acontextDiskId, false);
  assertEquals(world.acontext.disks.has(session.acontextDiskId ?? ""), true);
});

Deno.test("createSession() that breaks before anything is made names nothing when it gives up", async () => {
  const world = new World();
  const broken = new TypeError("broken");
  world.acontext.createSession = () => Promise.reject(broken);
  world.acontext.createDisk = () => Promise.reject(broken);
  const released: unknown[] = [];
  const { releaseSession } = world.store;
  world.store.releaseSession = (input) => {
    released.push(input.acontextSessionIds, input.acontextDiskIds);
    return releaseSession.call(world.store, input);
  };
  const error = await world.run(create(world, { id: ID }).catch((error: unknown) => error));
  assertEquals([error, released], [broken, [[], []]]);
});
