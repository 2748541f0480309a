import { assert, assertEquals, assertRejects } from "@std/assert/mod.js";
import { AppError } from "../../../../supabase/functions/_acontext_sessions/core/errors.ts";
import { failedReconcile } from "../../../../supabase/functions/_acontext_sessions/core/reconcile/reconcile.ts";
import { HTTP_500, OLD, ReconcileWorld } from "../../fakes/reconcile_world.ts";
import { uuid } from "../../fakes/world.ts";

Deno.test("reconcile() at most 100 pages, and goes on where it stopped", async () => {
  const world = new ReconcileWorld({ pageSize: 1 });
  world.live(120);
  const orphans = world.orphanSessions(5);
  const stops: string[] = [];
  do stops.push((await world.reconcile()).stopReason); while (stops.at(-1) === "limit");
  // 125 pages of sessions, 120 of labels and one of uncertain sessions.
  assertEquals(stops, ["limit", "limit", "complete"]);
  assertEquals(new Set(world.catalog.asked).size, 245, "no page twice");
  assertEquals(world.catalog.asked.length, 245);
  assertEquals(world.queued(), orphans.toSorted());
  assertEquals(world.store.passesFinished, 1);
  assertEquals(world.store.position, { phase: "sessions", cursor: null });
});

Deno.test("reconcile() stops at its time budget and keeps what it has", async () => {
  const world = new ReconcileWorld({ pageSize: 1, latencyMs: 100 });
  const orphans = world.orphanSessions(8);
  const report = await world.reconcile({ timeBudgetMs: 500 });
  assertEquals([report.stopReason, report.queued, world.clock.now()], ["time_budget", 5, 500]);
  assertEquals(report.errors, []);
  assertEquals((await world.reconcile()).stopReason, "complete");
  assertEquals(world.queued(), orphans.toSorted());
});

Deno.test("reconcile() stops within a page that takes too long, and gets on all the same", async () => {
  const world = new ReconcileWorld({ latencyMs: 1000 });
  world.live(1000);
  const disks = world.orphanDisks(40);
  const before = world.clock.now();
  // 5 pages of sessions and 5 of labels; then two calls for each label, 8 labels at a time.
  const first = await world.reconcile({ timeBudgetMs: 13_000 });
  assertEquals(first.stopReason, "time_budget");
  assertEquals(world.clock.now() - before, 13_000);
  assert(first.queued > 0 && first.queued < 40, `${first.queued}`);
  let rounds = 0;
  while ((await world.reconcile({ timeBudgetMs: 13_000 })).stopReason !== "complete") {
    assert(++rounds < 10, "it does not end");
  }
  assertEquals(world.queued(), disks.toSorted());
});

Deno.test("reconcile() stops soon when the worker is shut down", async () => {
  const world = new ReconcileWorld({ pageSize: 1, latencyMs: 100 });
  const orphans = world.orphanSessions(8);
  const shutdown = new AbortController();
  world.clock.at(250, () => shutdown.abort());
  const report = await world.reconcile({ signal: shutdown.signal });
  assertEquals([report.stopReason, report.queued, world.clock.now()], ["shutdown", 3, 300]);
  await world.reconcile();
  assertEquals(world.queued(), orphans.toSorted());
});

Deno.test("reconcile() that is shut down before it begins changes nothing", async () => {
  const world = new ReconcileWorld();
  world.orphanSessions(3);
  const report = await world.reconcile({ signal: AbortSignal.abort() });
  assertEquals([report.stopReason, report.unknown, world.queued()], ["shutdown", 0, []]);
  assertEquals(world.catalog.asked, []);
});

for (const call of ["sessionsPage", "labelsPage", "isUnused", "disksOf"] as const) {
  Deno.test(`reconcile() loses nothing and queues nothing wrongly when ${call} fails midway`, async () => {
    const world = new ReconcileWorld({ pageSize: 4 });
    const ids = world.live(20);
    const orphans = [...world.orphanSessions(3), ...world.orphanDisks(3)];
    orphans.push(world.secondDisk(ids[0] ?? ""));
    let times = 0;
    world.catalog.fault = (asked) => asked === call && ++times === 2 ? HTTP_500 : null;

    const broken = await world.reconcile({ runId: uuid(0xf2) });
    assertEquals(broken.stopReason, "outage");
    assertEquals(broken.errors, [{ id: uuid(0xf2), error: "http_500" }]);
    assert(world.queued().every((id) => orphans.includes(id)));
    assertEquals(world.store.passesFinished, 0);

    assertEquals((await world.reconcile()).stopReason, "complete");
    assertEquals(world.queued(), orphans.toSorted());
  });
}

Deno.test("reconcile() walks a page that broke half way again", async () => {
  const world = new ReconcileWorld();
  const disks = world.orphanDisks(9);
  world.live(100);
  const last = world.catalog.disks.get(disks[8] ?? "")?.originId;
  world.catalog.fault = (call, id) => call === "disksOf" && id === last ? HTTP_500 : null;
  const first = await world.reconcile();
  assertEquals([first.stopReason, first.queued], ["outage", 8], "the others of the page count");
  assertEquals(world.store.position, { phase: "labels", cursor: null });
  world.catalog.fault = () => null;
  const second = await world.reconcile();
  assertEquals([second.stopReason, second.queued], ["complete", 1]);
  assertEquals(world.queued(), disks.toSorted());
});

Deno.test("reconcile() ends when it is throttled and goes on with that page", async () => {
  const world = new ReconcileWorld({ pageSize: 2 });
  const orphans = world.orphanSessions(6);
  let times = 0;
  world.catalog.fault = (call) =>
    call === "sessionsPage" && ++times === 2 ? { kind: "throttled", retryAfterMs: 1000 } : null;
  const report = await world.reconcile();
  assertEquals([report.stopReason, report.queued], ["throttled", 2]);
  await world.reconcile();
  assertEquals(world.queued(), orphans.toSorted());
});

Deno.test("reconcile() queues nothing while Acontext is down", async () => {
  const world = new ReconcileWorld();
  world.live(3);
  world.orphanSessions(3);
  world.catalog.fault = () => ({ kind: "unavailable", detail: "refused" });
  const report = await world.reconcile();
  assertEquals([report.stopReason, report.seen, report.unknown], ["outage", 0, 0]);
  assertEquals([world.queued(), world.store.passesFinished], [[], 0]);
});

Deno.test("reconcile() restarts a list when the server refuses the saved cursor", async () => {
  for (const phase of ["sessions", "labels"] as const) {
    const world = new ReconcileWorld({ pageSize: 3 });
    const orphans = phase === "sessions" ? world.orphanSessions(8) : world.orphanDisks(8);
    world.store.position = { phase, cursor: "of an older server" };
    world.catalog.fault = (_, id) => id === "of an older server" ? HTTP_500 : null;
    const report = await world.reconcile();
    assertEquals([report.stopReason, report.queued], ["complete", 8], phase);
    assertEquals(world.queued(), orphans.toSorted());
  }
});

Deno.test("reconcile() keeps the saved cursor while Acontext is down", async () => {
  const world = new ReconcileWorld({ pageSize: 3 });
  const position = { phase: "sessions", cursor: "kept" } as const;
  world.store.position = position;
  world.catalog.fault = () => HTTP_500;
  assertEquals((await world.reconcile()).stopReason, "outage");
  assertEquals(world.store.position, position);
});

Deno.test("reconcile() walks on from a cursor that fails later in the run, and only in the next", async () => {
  const world = new ReconcileWorld({ pageSize: 1 });
  world.orphanSessions(4);
  let failing = "";
  world.catalog.fault = (_, id) => {
    if (failing === "" && id !== null) failing = id;
    return id === failing ? HTTP_500 : null;
  };
  assertEquals((await world.reconcile()).stopReason, "outage");
  assertEquals(world.catalog.asked.length, 2, "no loop over the first page");
});

Deno.test("reconcile() that is delivered twice runs once", async () => {
  const world = new ReconcileWorld();
  world.orphanSessions(1);
  assertEquals((await world.reconcile({ runId: uuid(0xf4) })).queued, 1);
  const asked = world.catalog.asked.length;
  world.orphanSessions(1);
  const again = await world.reconcile({ runId: uuid(0xf4) });
  assertEquals([again.stopReason, again.queued, world.queued().length], ["duplicate", 0, 1]);
  assertEquals(world.catalog.asked.length, asked, "nothing is asked");
});

Deno.test("reconcile() leaves the walk to the run that holds it, and takes over from a dead one", async () => {
  const world = new ReconcileWorld();
  const orphans = world.orphanSessions(2);
  await world.store.startReconcile(uuid(0xf5), 160);
  assertEquals((await world.reconcile()).stopReason, "busy");
  assertEquals([world.queued(), world.catalog.asked], [[], []]);
  await world.clock.advance(160_000);
  assertEquals((await world.reconcile()).stopReason, "complete");
  assertEquals(world.queued(), orphans.toSorted());
});

Deno.test("reconcile() that lost its hold changes nothing", async () => {
  const world = new ReconcileWorld({ latencyMs: 100 });
  world.orphanSessions(2);
  const position = { phase: "labels", cursor: "theirs" } as const;
  world.clock.at(150, () => {
    world.store.heldBy = uuid(0xf6);
    world.store.position = position;
  });
  const report = await world.reconcile();
  assertEquals([report.stopReason, report.queued, world.queued()], ["lost", 0, []]);
  assertEquals([world.store.position, world.store.heldBy], [position, uuid(0xf6)]);
});

for (const call of ["startReconcile", "findUnknownSessions", "saveProgress"] as const) {
  Deno.test(`reconcile() throws when the database fails in ${call}, and loses nothing`, async () => {
    const world = new ReconcileWorld();
    const orphans = world.orphanSessions(2);
    world.store.failing.add(call);
    await assertRejects(() => world.reconcile({ runId: uuid(0xf7) }), AppError);
    assertEquals(world.queued(), []);
    world.store.failing.clear();

    await world.store.finishReconcile(uuid(0xf7), failedReconcile(uuid(0xf7), "internal"));
    const recorded = world.store.runs.get(uuid(0xf7));
    if (recorded === undefined || recorded === "running") throw new Error("not recorded");
    assertEquals(recorded.errors, [{ id: uuid(0xf7), error: "internal" }]);
    assertEquals((await world.reconcile()).queued, 2);
    assertEquals(world.queued(), orphans.toSorted());
  });
}

Deno.test("reconcile() passes over what it cannot read, says how much, and goes on", async () => {
  const world = new ReconcileWorld();
  const orphans = [...world.orphanSessions(2), ...world.orphanDisks(2)];
  world.catalog.unreadable.set("sessionsPage", 3).set("labelsPage", 1);
  const report = await world.reconcile();
  assertEquals([report.stopReason, report.skipped, report.queued], ["complete", 4, 4]);
  assertEquals(world.queued(), orphans.toSorted());
  assertEquals(world.store.skipped, 4);
});

Deno.test("reconcile() counts a dead label whose disks nobody can list as skipped", async () => {
  const world = new ReconcileWorld();
  world.orphanDisks(1);
  world.catalog.disksByLabel = false;
  const report = await world.reconcile();
  assertEquals([report.stopReason, report.skipped, report.queued], ["complete", 1, 0]);
  assertEquals(world.store.skipped, 1);
});

for (
  const { what, arrange } of [
    {
      what: "whose disks nobody can list",
      arrange: ({ catalog }: ReconcileWorld) => catalog.disksByLabel = false,
    },
    {
      what: "one of whose disks cannot be read",
      arrange: ({ catalog }: ReconcileWorld) => catalog.unreadable.set("disksOf", 1),
    },
  ]
) {
  Deno.test(`reconcile() leaves a session uncertain ${what}`, async () => {
    const world = new ReconcileWorld();
    const [id = ""] = world.live(1);
    world.store.uncertain.set(id, world.clock.now() - 3 * OLD);
    arrange(world);
    assertEquals((await world.reconcile()).stopReason, "complete");
    assert(world.store.uncertain.has(id));
    world.catalog.disksByLabel = true;
    world.catalog.unreadable.clear();
    await world.reconcile();
    assertEquals(world.store.uncertain.size, 0, "until it was looked into");
  });
}

Deno.test("reconcile() asks whether a label's session is still unknown before it removes it", async () => {
  const world = new ReconcileWorld();
  const [used, unused] = [uuid(0xe1), uuid(0xe2)];
  for (const id of [used, unused]) world.catalog.addLabel(id, OLD);
  world.catalog.fault = (call, id) => {
    // Somebody creates a session with this id just then.
    if (call === "isUnused" && id === used) {
      world.store.sessions.set(used, {
        status: "provisioning",
        acontextSessionId: null,
        acontextDiskId: null,
      });
    }
    return null;
  };
  const report = await world.reconcile();
  assertEquals([report.stopReason, report.labelsRemoved], ["complete", 1]);
  assertEquals([...world.catalog.labels.keys()], [used]);
});
