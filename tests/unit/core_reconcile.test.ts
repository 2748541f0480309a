import { assert, assertEquals, assertRejects } from "@std/assert/mod.js";
import { failedReconcile } from "../../supabase/functions/_shared/core/reconcile.ts";
import { AppError } from "../../supabase/functions/_shared/errors.ts";
import { GRACE, OLD, ReconcileWorld } from "./fakes/reconcile_world.ts";
import { uuid } from "./fakes/world.ts";

const HTTP_500 = { kind: "unknown", detail: "http_500" } as const;

Deno.test("reconcile() queues what nobody knows and leaves all else alone", async () => {
  const world = new ReconcileWorld();
  const { store, catalog } = world;
  world.live(40);
  const sessions = world.orphanSessions(2);
  const disks = world.orphanDisks(2);
  const young = [...world.orphanSessions(1, GRACE - 1), ...world.orphanDisks(1, GRACE - 1)];
  const [beingMade = "", queued = ""] = world.orphanSessions(2);
  store.sessions.set(beingMade, {
    status: "provisioning",
    acontextSessionId: null,
    acontextDiskId: null,
  });
  catalog.addDisk(uuid(0xd1), beingMade, OLD);
  store.queued.set(queued, queued);

  const report = await world.reconcile({ runId: uuid(0xf1) });
  const { found, ...result } = report;
  assertEquals(result, {
    runId: uuid(0xf1),
    // 40 live sessions and their labels; of the rest 6 sessions, 3 disks, and the labels of the young and the half-made.
    seen: 40 + 5 + 40 + 2 + 2,
    unknown: 4,
    queued: 4,
    labelsRemoved: 0,
    stopReason: "complete",
    errors: [],
  });
  assertEquals(found.map(({ kind, id }) => [kind, id]), [
    ...sessions.map((id) => ["session", id]),
    ...disks.map((id) => ["disk", id]),
  ]);
  assertEquals(world.queued(), [...sessions, ...disks, queued].sort());
  assert(!young.some((id) => store.queued.has(id)));
  assertEquals([store.passesFinished, store.heldBy], [1, null]);
  const { runId: _, ...recorded } = result;
  assertEquals(store.runs.get(uuid(0xf1)), recorded);
});

Deno.test("reconcile() looks into dead labels only", async () => {
  const world = new ReconcileWorld();
  world.live(20);
  const [disk = ""] = world.orphanDisks(1);
  await world.reconcile();
  const dead = world.catalog.disks.get(disk)?.originId;
  assertEquals(
    world.catalog.asked.filter((asked) => /^(isUnused|disksOf)/.test(asked)),
    [`isUnused:${dead}`, `disksOf:${dead}`],
  );
});

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

Deno.test("reconcile() begins a list anew when the server refuses the saved cursor", async () => {
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

for (
  const { live, unknown, stops } of [
    { live: 0, unknown: 10, stops: false },
    { live: 0, unknown: 11, stops: true },
    { live: 100, unknown: 11, stops: true },
    // 12 of 240: each live session counts twice, as itself and with its label.
    { live: 114, unknown: 12, stops: false },
    { live: 113, unknown: 12, stops: true },
  ]
) {
  const verb = stops ? "stops" : "goes on";
  Deno.test(`reconcile() ${verb} when ${unknown} are unknown beside ${live} live sessions`, async () => {
    const world = new ReconcileWorld();
    world.live(live);
    world.orphanSessions(unknown);
    const report = await world.reconcile();
    assertEquals(report.stopReason, stops ? "too_many_unknown" : "complete");
    assertEquals([report.unknown, report.queued], [unknown, stops ? 0 : unknown]);
    assertEquals(world.queued().length, stops ? 0 : unknown);
    assertEquals(world.store.passesFinished, stops ? 0 : 1);
  });
}

Deno.test("reconcile() with an empty database queues nothing until somebody insists", async () => {
  const world = new ReconcileWorld({ pageSize: 50 });
  world.live(200);
  world.store.sessions.clear();
  for (let run = 0; run < 3; run++) {
    const report = await world.reconcile();
    assertEquals([report.stopReason, report.queued], ["too_many_unknown", 0]);
  }
  assertEquals(world.catalog.labels.size, 200, "no label that owns something is removed");
  const forced = await world.reconcile({ force: true });
  assertEquals([forced.stopReason, forced.queued], ["complete", 400]);
});

Deno.test("reconcile() in many short runs queues no more than one long run may", async () => {
  const world = new ReconcileWorld({ pageSize: 4, latencyMs: 100 });
  world.orphanSessions(400);
  const stops: string[] = [];
  for (let run = 0; run < 10; run++) {
    // Two pages at a time: fewer than are always believed.
    stops.push((await world.reconcile({ timeBudgetMs: 200 })).stopReason);
  }
  assertEquals(stops, ["time_budget", ...Array(9).fill("too_many_unknown")]);
  assertEquals(world.queued().length, 8);
});

Deno.test("reconcile() judges what it finds at the end of a pass by the whole pass", async () => {
  const world = new ReconcileWorld({ pageSize: 1 });
  world.live(150);
  const orphans = world.orphanDisks(15);
  const stops: string[] = [];
  do stops.push((await world.reconcile()).stopReason); while (stops.at(-1) === "limit");
  assertEquals(stops.at(-1), "complete");
  assertEquals(world.queued(), orphans.toSorted());
  world.orphanSessions(11);
  await world.reconcile();
  assertEquals(world.store.pass.unknown, 0, "the next pass begins anew");
});

Deno.test("reconcile() that somebody insisted on leaves the rest of the pass as it was", async () => {
  const world = new ReconcileWorld({ pageSize: 1 });
  world.orphanSessions(100);
  world.live(100);
  assertEquals((await world.reconcile({ force: true })).queued, 100);
  assertEquals(world.store.pass, { seen: 100, unknown: 0 });
  const stops: string[] = [];
  do stops.push((await world.reconcile()).stopReason); while (stops.at(-1) === "limit");
  assertEquals(stops.at(-1), "complete");
});

Deno.test("reconcile() queues no more at a time than one call can", async () => {
  const world = new ReconcileWorld();
  world.orphanSessions(2500);
  const queued: number[] = [];
  for (let run = 0; run < 3; run++) {
    queued.push((await world.reconcile({ force: true })).queued);
  }
  assertEquals(queued, [1000, 1000, 500]);
});

Deno.test("reconcile() in a dry run lists what it would queue and changes nothing", async () => {
  const world = new ReconcileWorld();
  const ids = world.live(40);
  const orphans = [...world.orphanSessions(2), ...world.orphanDisks(2)];
  orphans.push(world.secondDisk(ids[0] ?? ""));
  world.catalog.addLabel(uuid(0xe1), OLD);
  const before = world.state();
  const report = await world.reconcile({ dryRun: true });
  assertEquals([report.unknown, report.queued, report.stopReason], [5, 0, "complete"]);
  assertEquals(report.found.map(({ id }) => id).sort(), orphans.toSorted());
  assertEquals(report.labelsRemoved, 0);
  assertEquals(world.state(), before);
});

Deno.test("reconcile() in a dry run begins at the start and says when too much is unknown", async () => {
  const world = new ReconcileWorld();
  world.orphanSessions(150);
  world.store.position = { phase: "uncertain", cursor: null };
  world.store.heldBy = uuid(0xf3);
  const report = await world.reconcile({ dryRun: true });
  assertEquals([report.unknown, report.stopReason], [150, "too_many_unknown"]);
  assertEquals(report.found.length, 100, "a report stays readable");
});

Deno.test("reconcile() removes labels of dead sessions only when they own nothing", async () => {
  const world = new ReconcileWorld();
  const [alive = ""] = world.live(40);
  world.catalog.disks.delete(world.store.sessions.get(alive)?.acontextDiskId ?? "");
  const [unused, owner, young] = [uuid(0xe1), uuid(0xe2), uuid(0xe3)];
  world.catalog.addLabel(unused, OLD);
  world.catalog.addLabel(owner, OLD, true);
  world.catalog.addLabel(young, GRACE - 1);
  const [disk = ""] = world.orphanDisks(1);
  const dead = world.catalog.disks.get(disk)?.originId ?? "";

  assertEquals((await world.reconcile()).labelsRemoved, 1);
  const { labels } = world.catalog;
  assertEquals([alive, unused, owner, young, dead].map((id) => labels.has(id)), [
    true,
    false,
    true,
    true,
    true,
  ]);

  // The sweep has deleted the disk.
  world.catalog.disks.delete(disk);
  assertEquals((await world.reconcile()).labelsRemoved, 0, "its entry is still in the queue");
  world.store.queued.clear();
  assertEquals((await world.reconcile()).labelsRemoved, 1);
  assert(!labels.has(dead));
});

Deno.test("reconcile() removes no label whose use it cannot learn", async () => {
  const world = new ReconcileWorld();
  world.catalog.addLabel(uuid(0xe1), OLD);
  world.catalog.fault = (call) => call === "isUnused" ? HTTP_500 : null;
  assertEquals((await world.reconcile()).stopReason, "outage");
  assertEquals([world.catalog.labels.size, world.catalog.count("removeLabel")], [1, 0]);
});

Deno.test("reconcile() finds the second disk of a session whose making was uncertain", async () => {
  const world = new ReconcileWorld();
  const [sessionId = "", certain = ""] = world.live(60);
  const second = world.secondDisk(sessionId);
  world.store.uncertain.set(certain, -OLD);
  const report = await world.reconcile();
  assertEquals([report.unknown, report.queued], [1, 1]);
  assertEquals(world.queued(), [second]);
  assertEquals(world.store.uncertain.size, 0, "nothing is left in doubt");
  await world.reconcile();
  assertEquals(world.queued(), [second]);
});

Deno.test("reconcile() leaves an uncertain session in doubt until its disk can be judged", async () => {
  const world = new ReconcileWorld();
  const [sessionId = ""] = world.live(1);
  // The request landed at the last moment that the grace period allows for.
  world.store.uncertain.set(sessionId, -OLD);
  world.catalog.addDisk(uuid(0xd1), sessionId, GRACE);
  await world.reconcile();
  assertEquals(world.queued(), [uuid(0xd1)]);

  const younger = new ReconcileWorld();
  const [other = ""] = younger.live(1);
  younger.store.uncertain.set(other, -OLD + 1);
  younger.catalog.addDisk(uuid(0xd2), other, GRACE - 1);
  await younger.reconcile();
  assertEquals([younger.queued(), younger.store.uncertain.has(other)], [[], true]);
});

Deno.test("reconcile() goes through more uncertain sessions than one step holds", async () => {
  const world = new ReconcileWorld();
  const ids = world.live(130);
  for (const id of ids) world.store.uncertain.set(id, -OLD);
  const second = ids.slice(120).map((id) => world.secondDisk(id));
  assertEquals((await world.reconcile()).stopReason, "complete");
  assertEquals(world.queued(), second.toSorted());
  assertEquals([world.store.uncertain.size, world.catalog.count("disksOf")], [0, 130]);
});

Deno.test("reconcile() keeps in doubt what it could not look into", async () => {
  const world = new ReconcileWorld();
  const ids = world.live(9);
  for (const id of ids) world.store.uncertain.set(id, -OLD);
  const [first = "", ...others] = ids;
  world.catalog.fault = (call, id) => call === "disksOf" && id === first ? HTTP_500 : null;
  assertEquals((await world.reconcile()).stopReason, "outage");
  assertEquals([...world.store.uncertain.keys()], [first], `${others.length} are settled`);
});

Deno.test("reconcile() on a server without labels finds what it can and does no harm", async () => {
  const world = new ReconcileWorld({ labels: false });
  const ids = world.live(40);
  const orphans = world.orphanSessions(2);
  world.orphanDisks(2);
  world.secondDisk(ids[0] ?? "");
  const report = await world.reconcile();
  assertEquals([report.stopReason, report.queued], ["complete", 2]);
  assertEquals(world.queued(), orphans.toSorted());
  assertEquals(world.catalog.count("removeLabel"), 0);
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
