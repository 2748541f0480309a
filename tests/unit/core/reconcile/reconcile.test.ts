import { assert, assertEquals } from "@std/assert/mod.js";
import { GRACE, HTTP_500, OLD, ReconcileWorld } from "../../fakes/reconcile_world.ts";
import { uuid } from "../../fakes/world.ts";

Deno.test("reconcile() queues what no session knows and leaves everything else alone", async () => {
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
    // 40 live sessions and their labels; of the rest 6 sessions, 3 disks, and the labels of the young and the
    // half-made.
    seen: 40 + 5 + 40 + 2 + 2,
    unknown: 4,
    queued: 4,
    labelsRemoved: 0,
    skipped: 0,
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

Deno.test("reconcile() with an empty database queues nothing unless forced", async () => {
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
  assertEquals(world.store.pass.unknown, 0, "the next pass begins again");
});

Deno.test("reconcile() that was forced leaves the rest of the pass as it was", async () => {
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
