import { assertEquals } from "@std/assert/mod.js";
import { deleteRemote } from "../../../../supabase/functions/_acontext_sessions/core/cleanup/delete_remote.ts";
import type {
  Deletion,
  Proof,
} from "../../../../supabase/functions/_acontext_sessions/core/cleanup/ports.ts";
import type { Outcome } from "../../../../supabase/functions/_acontext_sessions/core/ports.ts";
import { HTTP_500 } from "../../fakes/acontext.ts";
import type { SessionRow } from "../../fakes/store_rows.ts";
import { uuid, World } from "../../fakes/world.ts";

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
  const row = world.one();
  world.acontext.sessions.clear();
  world.acontext.faults = [
    { calls: ["deleteSession"], mishap: { kind: "answer", outcome: HTTP_500 } },
  ];
  const attempt = (attempts: number) =>
    world.run(deleteRemote(world.deps, deletion(row, { attempts, diskGone: true }), 60_000));

  assertEquals((await attempt(0)).session, {
    kind: "unavailable",
    error: "http_500",
    underWay: false,
  });
  assertEquals((await attempt(1)).session, gone("absent"));
  world.acontext.sessions.set(row.id, row.id);
  assertEquals((await attempt(1)).session, { kind: "failed", error: "still_listed" });
});

Deno.test("deleteRemote() leaves alone what is gone already", async () => {
  const world = new World();
  const row = world.one();
  const attempt = await world.run(
    deleteRemote(world.deps, deletion(row, { sessionGone: true, diskGone: true }), 60_000),
  );
  assertEquals(attempt, { session: null, disk: null });
  assertEquals([world.acontext.sessions.size, world.acontext.disks.size], [1, 1]);
});

Deno.test("deleteRemote() deletes all that carries the mark, and nothing else, when ids are unknown", async () => {
  const world = new World();
  const live = world.one();
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
  const live = world.one();
  const row = world.halfMade({ session: true, disks: 0 });
  const attempt = await world.run(deleteRemote(world.deps, deletion(row), 60_000));
  assertEquals(attempt.disk, gone("unproven"));
  assertEquals(world.acontext.disks.has(live.acontextDiskId ?? ""), true);
});

Deno.test("deleteRemote() deletes a known disk when the server ignores labels", async () => {
  const world = new World({ labels: false });
  const row = world.one();
  const attempt = () => world.run(deleteRemote(world.deps, deletion(row), 60_000));
  assertEquals((await attempt()).disk, gone("deleted"));
  world.one();
  assertEquals((await attempt()).disk, gone("absent"));
});

Deno.test("deleteRemote() starts no delete when the deadline has passed", async () => {
  const world = new World();
  const row = world.one();
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
    kind: "unavailable",
    error: "http_502",
    underWay: false,
  }],
  [{ kind: "unknown", detail: "timeout" }, {
    kind: "unavailable",
    error: "timeout",
    underWay: true,
  }],
  [{ kind: "rejected", status: 403, detail: "http_403" }, { kind: "failed", error: "http_403" }],
];

for (const [outcome, removal] of REMOVALS) {
  Deno.test(`deleteRemote() proves nothing when a call is ${JSON.stringify(outcome)}`, async () => {
    const mishap = { kind: "answer", outcome } as const;
    for (const calls of [["deleteSession", "deleteDisk"], ["findSessions", "findDisks"]] as const) {
      const world = new World();
      const row = world.one();
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
  const row = world.one();
  const outcome = { kind: "rejected", status: 403, detail: "http_403" } as const;
  world.acontext.faults = [{ calls: ["deleteSession"], mishap: { kind: "answer", outcome } }];
  world.acontext.disks.clear();
  const attempt = await world.run(deleteRemote(world.deps, deletion(row), 60_000));
  assertEquals(attempt.session, { kind: "failed", error: "http_403" });
  assertEquals(attempt.disk, { kind: "failed", error: "wrong_project" });
});
