import { assertEquals } from "@std/assert/mod.js";
import type { Timeframe } from "../../../../supabase/functions/_acontext_sessions/core/cleanup/delete_limits.ts";
import {
  type Attempt,
  deleteRemote,
} from "../../../../supabase/functions/_acontext_sessions/core/cleanup/delete_remote.ts";
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
    messages: 0,
    sessionInDoubt: false,
    diskInDoubt: false,
    ...changes,
  };
}

function frame(startBy = 60_000): Timeframe {
  const endBy = 400_000;
  const lifeMs = 400_000;
  const { signal: shutdown } = new AbortController();
  return { startBy, endBy, timeoutMs: 120_000, msPerMessage: null, lifeMs, whole: true, shutdown };
}

/** What became of the two resources. */
async function removals(
  world: World,
  deletion: Deletion,
  within: Timeframe = frame(),
): Promise<Pick<Attempt, "session" | "disk">> {
  const { session, disk } = await world.run(deleteRemote(world.deps, deletion, within));
  return { session, disk };
}

const gone = (proof: Proof) => ({ kind: "gone" as const, proof });

Deno.test("deleteRemote() that is in doubt looks before it sends another delete", async () => {
  const world = new World();
  const row = world.one();
  world.acontext.faults = [
    { calls: ["deleteSession"], times: 1, mishap: { kind: "answer", outcome: HTTP_500 } },
  ];
  const attempt = (sessionInDoubt: boolean) =>
    world.run(deleteRemote(world.deps, deletion(row, { sessionInDoubt, diskGone: true }), frame()));

  // Acontext may have counted references down before it failed.
  const first = await attempt(false);
  assertEquals(first.session, { kind: "unavailable", error: "http_500", underWay: false });
  assertEquals([first.inDoubt, first.repeated], [["session"], 0]);
  assertEquals(world.acontext.calls.findSessions, 0);

  const second = await attempt(true);
  assertEquals(second.session, gone("deleted"));
  assertEquals([second.inDoubt, second.repeated], [[], 1]);
  assertEquals(world.acontext.calls.findSessions, 1);

  const third = await attempt(true);
  assertEquals(third.session, gone("absent"));
  assertEquals(third.repeated, 0);
  assertEquals(world.acontext.calls.deleteSession, 2);
});

for (
  const [outcome, inDoubt] of [
    [{ kind: "unknown", detail: "broken" }, true],
    [{ kind: "unknown", detail: "http_504" }, true],
    [{ kind: "unavailable", detail: "http_503" }, false],
    [{ kind: "throttled", retryAfterMs: 1 }, false],
    [{ kind: "rejected", status: 403, detail: "http_403" }, false],
  ] satisfies [Outcome<never>, boolean][]
) {
  Deno.test(`a delete that ends with ${JSON.stringify(outcome)} leaves ${inDoubt ? "a" : "no"} doubt`, async () => {
    const world = new World();
    world.acontext.faults = [{ calls: ["deleteSession"], mishap: { kind: "answer", outcome } }];
    const attempt = await world.run(deleteRemote(world.deps, deletion(world.one()), frame()));
    assertEquals(attempt.inDoubt, inDoubt ? ["session"] : []);
  });
}

Deno.test("deleteRemote() has one delete under way at a time, and stops when the service does not answer", async () => {
  const world = new World({ latencyMs: 100 });
  const row = world.one();
  await removals(world, deletion(row));
  assertEquals(world.acontext.maxDeletesUnderWay, 1);

  const other = world.one();
  world.acontext.outage = "network";
  assertEquals((await removals(world, deletion(other))).disk, { kind: "late" });
  assertEquals(world.acontext.calls.deleteDisk, 1);
});

Deno.test("deleteRemote() gives a delete the time that its messages need, and no more than its worker has", async () => {
  const world = new World();
  for (
    const [messages, msPerMessage, limitMs] of [
      [0, null, 120_000],
      [428, null, 120_000],
      [200, 400, 160_000],
    ] as const
  ) {
    const row = world.one();
    const among = { ...frame(), whole: false, msPerMessage };
    await removals(world, deletion(row, { messages }), among);
    assertEquals(world.acontext.deleteLimits.get(row.id), limitMs);
  }
  // What needs long was given too little before, or would be.
  for (const messages of [0, 1_000, 5_000]) {
    const row = world.one();
    await removals(world, deletion(row, { messages }), { ...frame(), msPerMessage: 66 });
    assertEquals(world.acontext.deleteLimits.get(row.id), 400_000);
  }
  // Among others, such a delete would be waited for by all.
  const many = deletion(world.one(), { messages: 500 });
  assertEquals((await removals(world, many, { ...frame(), whole: false })).session, {
    kind: "late",
  });
  const tooLong = deletion(world.one(), { messages: 7_000 });
  const within = { ...frame(), msPerMessage: 66 };
  assertEquals((await removals(world, tooLong, within)).session, { kind: "late" });
});

Deno.test("a delete that is given up is slow, and always slow when it had a worker's whole life", async () => {
  for (const [endBy, slow] of [[400_000, "always"], [200_000, "now"]] as const) {
    const world = new World();
    world.acontext.faults = [{ calls: ["deleteSession"], mishap: { kind: "slow", ms: 500_000 } }];
    const attempt = await world.run(
      deleteRemote(world.deps, deletion(world.one(), { messages: 5_000 }), { ...frame(), endBy }),
    );
    assertEquals([attempt.slow, attempt.inDoubt, attempt.sessionMs], [slow, ["session"], null]);
    assertEquals(world.clock.now(), endBy);
  }
});

Deno.test("deleteRemote() leaves alone what is gone already", async () => {
  const world = new World();
  const row = world.one();
  const attempt = await removals(world, deletion(row, { sessionGone: true, diskGone: true }));
  assertEquals(attempt, { session: null, disk: null });
  assertEquals([world.acontext.sessions.size, world.acontext.disks.size], [1, 1]);
});

Deno.test("deleteRemote() deletes all that carries the mark, and nothing else, when ids are unknown", async () => {
  const world = new World();
  const live = world.one();
  const row = world.halfMade({ session: true, disks: 3 });
  world.acontext.disks.set(uuid(0xf), null);
  const attempt = await removals(world, deletion(row));

  assertEquals(attempt, { session: gone("deleted"), disk: gone("deleted") });
  assertEquals([...world.acontext.sessions.keys()], [live.id]);
  assertEquals([...world.acontext.disks.keys()], [live.acontextDiskId ?? "", uuid(0xf)]);
});

Deno.test("deleteRemote() proves by list that nothing was made when ids are unknown", async () => {
  const world = new World();
  const row = world.halfMade({ session: false, disks: 0 });
  const attempt = await removals(world, deletion(row));
  assertEquals(attempt, { session: gone("absent"), disk: gone("absent") });
});

Deno.test("deleteRemote() looks again when a marked resource answers 404", async () => {
  const world = new World();
  const row = world.halfMade({ session: true, disks: 2 });
  const absent = { kind: "answer", outcome: { kind: "absent" } } as const;
  world.acontext.faults = [{ calls: ["deleteDisk"], times: 1, mishap: absent }];
  const attempt = () => removals(world, deletion(row));

  assertEquals((await attempt()).disk, { kind: "failed", error: "still_listed" });
  assertEquals(world.acontext.disks.size, 1);
  assertEquals((await attempt()).disk, gone("deleted"));
});

Deno.test("deleteRemote() believes a 404 of a marked resource that is listed no more", async () => {
  const world = new World();
  const row = world.halfMade({ session: false, disks: 1 });
  const two = await Promise.all([removals(world, deletion(row)), removals(world, deletion(row))]);
  assertEquals(two.map(({ disk }) => disk), [gone("deleted"), gone("absent")]);
});

Deno.test("deleteRemote() touches nothing and says unproven when the server ignores labels", async () => {
  const world = new World({ labels: false });
  const live = world.one();
  const row = world.halfMade({ session: true, disks: 0 });
  const attempt = await removals(world, deletion(row));
  assertEquals(attempt.disk, gone("unproven"));
  assertEquals(world.acontext.disks.has(live.acontextDiskId ?? ""), true);
});

Deno.test("deleteRemote() deletes a known disk when the server ignores labels", async () => {
  const world = new World({ labels: false });
  const row = world.one();
  const attempt = () => removals(world, deletion(row));
  assertEquals((await attempt()).disk, gone("deleted"));
  world.one();
  assertEquals((await attempt()).disk, gone("absent"));
});

Deno.test("deleteRemote() starts no delete when the deadline has passed", async () => {
  const world = new World();
  const row = world.one();
  await world.clock.advance(60_001);
  const attempt = await removals(world, deletion(row));
  assertEquals(attempt, { session: { kind: "late" }, disk: { kind: "late" } });
  assertEquals([world.acontext.sessions.size, world.acontext.disks.size], [1, 1]);
});

Deno.test("deleteRemote() stops between marked disks when the deadline passes", async () => {
  const world = new World({ latencyMs: 1000 });
  const row = world.halfMade({ session: false, disks: 5 });
  const attempt = await removals(world, deletion(row), frame(2500));
  assertEquals(attempt, { session: gone("absent"), disk: { kind: "late" } });
  assertEquals(world.acontext.deleteStarts, [2000]);
  assertEquals(world.acontext.disks.size, 4);
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
    const second = outcome.kind === "rejected" ? removal : { kind: "late" };
    for (const calls of [["deleteSession", "deleteDisk"], ["findSessions", "findDisks"]] as const) {
      const world = new World();
      const row = world.one();
      world.acontext.faults = [{ calls: [...calls], mishap }];
      const attempt = () => removals(world, deletion(row));
      // Only what is gone already has to be looked for.
      if (calls[0] === "findSessions") {
        assertEquals(await attempt(), { session: gone("deleted"), disk: gone("deleted") });
      }
      assertEquals(await attempt(), { session: removal, disk: second });

      const half = world.halfMade({ session: true, disks: 1 });
      const marked = await removals(world, deletion(half));
      assertEquals(marked, { session: removal, disk: second });
    }
  });
}

Deno.test("deleteRemote() does not believe in an absent disk when the key is another project's", async () => {
  const world = new World();
  const row = world.one();
  const outcome = { kind: "rejected", status: 403, detail: "http_403" } as const;
  world.acontext.faults = [{ calls: ["deleteSession"], mishap: { kind: "answer", outcome } }];
  world.acontext.disks.clear();
  const attempt = await removals(world, deletion(row));
  assertEquals(attempt.session, { kind: "failed", error: "http_403" });
  assertEquals(attempt.disk, { kind: "failed", error: "wrong_project" });
});

/** A session whose disk has these files. */
function withFiles(world: World, ...paths: string[]): SessionRow {
  const row = world.one();
  world.acontext.files.set(row.acontextDiskId ?? "", new Set(paths));
  return row;
}

Deno.test("deleteRemote() deletes the files of a disk one by one, and then the disk", async () => {
  const world = new World();
  const row = withFiles(world, "/a", "/b/c");
  const order: string[] = [];
  const { acontext } = world;
  const deleteFile = acontext.deleteFile.bind(acontext);
  acontext.deleteFile = (id, path, limitMs) => {
    order.push(path);
    assertEquals([id, limitMs], [row.acontextDiskId, 400_000]);
    return deleteFile(id, path, limitMs);
  };
  assertEquals((await removals(world, deletion(row))).disk, gone("deleted"));
  assertEquals([order, acontext.calls.deleteDisk], [["/a", "/b/c"], 1]);
});

Deno.test("deleteRemote() that breaks off at a file leaves the disk, and goes on with what is left", async () => {
  const world = new World();
  const row = withFiles(world, "/a", "/b", "/c");
  const BROKEN = { kind: "unknown", detail: "broken" } as const;
  world.acontext.faults = [BROKEN, HTTP_500].map((outcome) => ({
    calls: ["deleteFile"],
    times: 1,
    mishap: { kind: "answer", outcome },
  }));
  const attempt = (diskInDoubt: boolean) =>
    world.run(deleteRemote(world.deps, deletion(row, { sessionGone: true, diskInDoubt }), frame()));

  const first = await attempt(false);
  assertEquals(first.disk, { kind: "unavailable", error: "broken", underWay: true });
  assertEquals([first.inDoubt, first.repeated], [["disk"], 0]);
  const second = await attempt(true);
  assertEquals(second.disk, { kind: "unavailable", error: "http_500", underWay: false });
  assertEquals([second.inDoubt, second.repeated], [["disk"], 1]);
  const third = await attempt(true);
  assertEquals([third.disk, third.inDoubt, third.repeated], [gone("deleted"), [], 1]);
  assertEquals([world.acontext.calls.deleteFile, world.acontext.calls.deleteDisk], [5, 1]);
});

Deno.test("deleteRemote() stops between files when the deadline passes, and the next attempt goes on", async () => {
  const world = new World({ latencyMs: 1000 });
  const row = withFiles(world, "/a", "/b", "/c", "/d");
  const left = deletion(row, { sessionGone: true });
  const attempt = await world.run(deleteRemote(world.deps, left, frame(1500)));
  assertEquals([attempt.disk, attempt.inDoubt], [{ kind: "late" }, []]);
  assertEquals([...world.acontext.files.get(row.acontextDiskId ?? "") ?? []], ["/c", "/d"]);
  assertEquals((await removals(world, left)).disk, gone("deleted"));
});

Deno.test("deleteRemote() deletes no disk whose files it could not ask for, unless the server does not show them", async () => {
  const world = new World();
  const row = withFiles(world, "/a");
  const answers = { kind: "answer", outcome: HTTP_500 } as const;
  world.acontext.faults = [{ calls: ["findFiles"], times: 1, mishap: answers }];
  const attempt = () => removals(world, deletion(row, { sessionGone: true }));
  assertEquals((await attempt()).disk, { kind: "unavailable", error: "http_500", underWay: false });
  assertEquals(world.acontext.calls.deleteDisk, 0);
  const hidden = { kind: "answer", outcome: { kind: "absent" } } as const;
  world.acontext.faults = [{ calls: ["findFiles"], times: 1, mishap: hidden }];
  assertEquals((await attempt()).disk, gone("deleted"));
  assertEquals(world.acontext.calls.deleteFile, 0);
});
