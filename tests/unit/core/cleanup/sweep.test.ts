import { assert, assertEquals, assertLess } from "@std/assert/mod.js";
import { DAY, NOTHING_LEFT, uuid, World } from "../../fakes/world.ts";

Deno.test("sweep() deletes everything that is due and nothing else", async () => {
  const world = new World({ latencyMs: 100, storeLatencyMs: 10 });
  world.expired(300);
  world.halfMade({ session: true, disks: 2 });
  world.halfMade({ session: false, disks: 0 });
  const live = world.active(5);
  const [pinned] = world.expired(1);
  if (pinned) pinned.pinned = true;
  world.acontext.disks.set(uuid(0xf0), null);

  const report = await world.run(world.sweep({ runId: uuid(0xf1) }));
  assertEquals(report, {
    runId: uuid(0xf1),
    total: 302,
    deleted: 302,
    failed: 0,
    deferred: 0,
    remaining: 0,
    errors: [],
    stopReason: "empty",
  });
  assertEquals(world.left(), { rows: 6, queued: 0, leased: 0, sessions: 6, disks: 7 });
  assert(live.every(({ id }) => world.store.sessions.get(id)?.status === "active"));
  assertEquals(world.store.log.length, 302);
  const result = world.store.runs.get(uuid(0xf1))?.result;
  assertEquals([result?.deleted, result?.stopReason], [302, "empty"]);
});

Deno.test("sweep() works on as many sessions at a time as allowed, and no more", async () => {
  const world = new World({ latencyMs: 100, settings: { concurrency: 7 } });
  world.expired(100);
  await world.run(world.sweep());
  assertEquals(world.acontext.maxDeletesUnderWay, 7);
  assertEquals(world.left(), NOTHING_LEFT);
});

for (const [concurrency, storeLatencyMs] of [[16, 0], [16, 50], [16, 300], [4, 50], [1, 50]]) {
  Deno.test(`sweep() leaves no slot idle when ${concurrency} slots and a database of ${storeLatencyMs} ms work through 640 sessions`, async () => {
    const settings = { concurrency: concurrency ?? 0 };
    const world = new World({ latencyMs: 100, storeLatencyMs: storeLatencyMs ?? 0, settings });
    world.expired(640);
    await world.run(world.sweep({ timeBudgetMs: 1_000_000 }));
    assertEquals(world.left(), NOTHING_LEFT);

    const starts = world.acontext.deleteStarts;
    const busyMs = Math.max(...starts) - Math.min(...starts) + 100;
    const idealMs = 640 / settings.concurrency * 200;
    // One claim may be waited for when more than one is needed and the database is slower than the slots; and the start
    // is slow: a quarter, half of them after 100 ms, all after 450.
    assertLess(busyMs, idealMs * 1.01 + 2 * (storeLatencyMs ?? 0) + 275);
  });
}

Deno.test("sweep() claims little more than it works on, however much is due", async () => {
  const world = new World({ latencyMs: 100, storeLatencyMs: 20, settings: { concurrency: 4 } });
  world.expired(640);
  let mostAhead = 0;
  let mostQueued = 0;
  const { claimDeletions } = world.store;
  world.store.claimDeletions = async (...args) => {
    const claimed = await claimDeletions.apply(world.store, args);
    mostAhead = Math.max(mostAhead, world.left().leased);
    mostQueued = Math.max(mostQueued, world.left().queued);
    return claimed;
  };
  await world.run(world.sweep({ timeBudgetMs: 1_000_000 }));
  assertEquals(world.left(), NOTHING_LEFT);
  // At 20 a second: what is worked on, less than a claim that waits, and the next claim.
  assertLess(mostAhead, 250);
  assertLess(mostQueued, 250);
});

Deno.test("sweep() keeps its slots busy when sessions take very different times", async () => {
  const world = new World({ latencyMs: 100, storeLatencyMs: 20, settings: { concurrency: 8 } });
  const rows = world.expired(400);
  world.acontext.faults = rows.filter((_, index) => index % 10 === 0).map(({ id }) => ({
    calls: ["deleteSession"],
    id,
    mishap: { kind: "slow", ms: 900 },
  }));
  await world.run(world.sweep());
  assertEquals(world.left(), NOTHING_LEFT);
  const idealMs = (360 * 200 + 40 * 1100) / 8;
  assertLess(world.clock.now(), idealMs + 1000 + 200);
});

for (const limit of [1, 5, 16, 100, 150, 600]) {
  Deno.test(`sweep() deletes exactly ${limit} when that is the limit`, async () => {
    const world = new World({ latencyMs: 100, storeLatencyMs: 10 });
    world.expired(700);
    const report = await world.run(world.sweep({ limit }));

    assertEquals([report.total, report.deleted, report.deferred], [limit, limit, 0]);
    assertEquals([report.stopReason, report.remaining], ["limit", 700 - limit]);
    assertEquals(world.left(), {
      rows: 700 - limit,
      queued: 0,
      leased: 0,
      sessions: 700 - limit,
      disks: 700 - limit,
    });
  });
}

Deno.test("sweep() says that the limit ended it when the rest had been queued before", async () => {
  const world = new World({ settings: { deletionGraceMs: DAY } });
  world.expired(25);
  await world.run(world.sweep());
  await world.clock.advance(DAY);
  const report = await world.run(world.sweep({ limit: 10 }));
  assertEquals([report.stopReason, report.deleted, report.remaining], ["limit", 10, 15]);
});

Deno.test("sweep() goes on when others claimed what it queued and more is due", async () => {
  const world = new World({ latencyMs: 100, settings: { concurrency: 1 } });
  world.expired(20);
  const { claimDeletions } = world.store;
  world.store.claimDeletions = (...args) => {
    world.store.claimDeletions = claimDeletions;
    for (const entry of world.store.queue.values()) entry.nextAttemptAt += DAY;
    return claimDeletions.apply(world.store, args);
  };
  const report = await world.run(world.sweep());
  assertEquals([report.stopReason, report.deleted], ["empty", 12]);
  assertEquals(world.left().queued, 8);
});

Deno.test("sweep() takes the project's max_per_run when no limit is given", async () => {
  const world = new World({ settings: { maxPerRun: 10 } });
  world.expired(25);
  assertEquals((await world.run(world.sweep())).deleted, 10);
});

Deno.test("sweep() stops at its time budget and gives back what it leased", async () => {
  const world = new World({ latencyMs: 1000, storeLatencyMs: 10 });
  world.expired(500);
  const report = await world.run(world.sweep({ timeBudgetMs: 5000 }));

  assertEquals(report.stopReason, "time_budget");
  // A session takes two seconds, and some are begun in between: the start is slow.
  assertLess(world.clock.now(), 7000);
  assertEquals(report.deleted, 500 - world.left().rows);
  assertEquals(report.total, report.deleted + report.deferred);
  assertEquals(world.left().leased, 0);
  assert([...world.store.queue.values()].every(({ attempts }) => attempts === 0));
  assertEquals(report.remaining, 500 - report.deleted);

  await world.run(world.sweep());
  assertEquals(world.left(), NOTHING_LEFT);
});

Deno.test("sweep() gives back what a claim brings when time runs out during the claim", async () => {
  const world = new World({ latencyMs: 10, storeLatencyMs: 2000 });
  world.expired(100);
  const report = await world.run(world.sweep({ timeBudgetMs: 5000 }));
  assertEquals([report.stopReason, report.deleted], ["time_budget", 0]);
  assertEquals(world.left(), { rows: 100, queued: 100, leased: 0, sessions: 100, disks: 100 });
  assertEquals(report.total, report.deferred);
});

Deno.test("sweep() gives back what a claim brings when time runs out while the slots still work", async () => {
  const world = new World({ latencyMs: 100, storeLatencyMs: 3000 });
  world.expired(500);
  const report = await world.run(world.sweep({ timeBudgetMs: 12_500 }));
  assertEquals(report.stopReason, "time_budget");
  assertEquals(report.total, report.deleted + report.deferred);
  assertLess(0, report.deleted);
  assertEquals(world.left().leased, 0);
});

Deno.test("sweep() has reported what is done before a large batch ends", async () => {
  const world = new World({ latencyMs: 1000, storeLatencyMs: 10 });
  world.expired(120);
  const sweeping = world.sweep();
  await world.clock.advance(10_500);
  assertEquals(world.store.log.length, 64);
  assertEquals((await world.run(sweeping)).deleted, 120);
});

Deno.test("sweep() gives back at once what it has not begun, and begins no other delete, when the worker is shut down", async () => {
  const world = new World({ latencyMs: 8000, storeLatencyMs: 10 });
  world.expired(100);
  const stop = new AbortController();
  const sweeping = world.sweep({ signal: stop.signal });
  await world.clock.advance(1000);
  stop.abort();
  await world.clock.advance(20);
  // A quarter of what it may: nothing has told it yet that Acontext is not slow.
  assertEquals(world.left().leased, 4);

  const report = await world.run(sweeping);
  // What was under way has ended and is known; the disks of these sessions are left to the next sweep.
  assertEquals([report.stopReason, report.deleted, report.deferred], ["shutdown", 0, 100]);
  assertEquals(world.left(), { rows: 100, queued: 100, leased: 0, sessions: 96, disks: 100 });
  const entries = [...world.store.queue.values()];
  assertEquals(entries.filter(({ sessionProof }) => sessionProof === "deleted").length, 4);
  const { signal } = new AbortController();
  assertEquals((await world.run(world.sweep({ signal }))).deleted, 100);
  assertEquals(world.acontext.calls.deleteSession, 100);
});

Deno.test("sweep() begins nothing when the worker is being shut down already", async () => {
  const world = new World();
  world.expired(3);
  const report = await world.run(world.sweep({ signal: AbortSignal.abort() }));
  assertEquals([report.stopReason, report.total], ["shutdown", 0]);
  assertEquals(world.left(), { rows: 3, queued: 0, leased: 0, sessions: 3, disks: 3 });
});

Deno.test("sweep() ends a pause at once when the worker is shut down", async () => {
  const world = new World({ latencyMs: 10 });
  world.expired(50);
  world.acontext.faults = [{
    calls: ["deleteDisk"],
    mishap: { kind: "answer", outcome: { kind: "throttled", retryAfterMs: 50_000 } },
  }];
  const stop = new AbortController();
  const sweeping = world.sweep({ signal: stop.signal });
  await world.clock.advance(1000);
  stop.abort();
  const report = await world.run(sweeping);
  assertEquals([report.stopReason, world.clock.now()], ["shutdown", 1000]);
  assertEquals(world.left().leased, 0);
});

Deno.test("sweep() changes nothing in a dry run and tells what it would take up", async () => {
  const world = new World();
  world.expired(30);
  world.halfMade({ session: true, disks: 1 });
  const before = world.left();
  const report = await world.run(world.sweep({ dryRun: true }));

  assertEquals([report.total, report.remaining, report.deleted], [31, 31, 0]);
  assertEquals(report.stopReason, "dry_run");
  assertEquals(world.left(), before);
  assertEquals(world.store.runs.size, 0);
  assert([...world.store.sessions.values()].every(({ status }) => status !== "deleting"));
  assertEquals((await world.run(world.sweep({ dryRun: true, limit: 1 }))).total, 1);
});

Deno.test("sweep() runs once when its request is delivered twice", async () => {
  const world = new World({ latencyMs: 100, storeLatencyMs: 10 });
  world.expired(40);
  const runId = uuid(0xf1);
  const [first, second] = await world.run(
    Promise.all([world.sweep({ runId }), world.sweep({ runId })]),
  );
  assertEquals([first.stopReason, first.deleted], ["empty", 40]);
  assertEquals([second.stopReason, second.total], ["duplicate", 0]);
});

Deno.test("sweep() does nothing when the cleanup is disabled", async () => {
  const world = new World({ settings: { cleanupEnabled: false } });
  world.expired(3);
  const report = await world.run(world.sweep());
  assertEquals([report.stopReason, report.total], ["disabled", 0]);
  assertEquals(world.left(), { rows: 3, queued: 0, leased: 0, sessions: 3, disks: 3 });
});

Deno.test("sweep() expires nothing and goes on with the queue when too many are expiring", async () => {
  const world = new World({ settings: { maxExpiryMinimum: 10 } });
  world.expired(11);
  world.active(5);
  world.halfMade({ session: true, disks: 1 });
  const report = await world.run(world.sweep());
  assertEquals([report.stopReason, report.deleted, report.remaining], ["too_many_expiring", 1, 0]);
  assertEquals(world.store.sessions.size, 16);
  const preview = await world.run(world.sweep({ dryRun: true }));
  assertEquals([preview.stopReason, preview.total], ["too_many_expiring", 0]);

  const forced = await world.run(world.sweep({ force: true }));
  assertEquals([forced.stopReason, forced.deleted], ["empty", 11]);
  assertEquals(world.store.sessions.size, 5);
});

Deno.test("sweep() asks about the expiry limit once, however many steps expire what is due", async () => {
  const world = new World({ settings: { maxExpiryMinimum: 10, maxPerRun: 5000 } });
  world.expired(1200);
  world.active(1300);
  const report = await world.run(world.sweep());
  assertEquals([report.stopReason, report.deleted], ["empty", 1200]);
});

Deno.test("sweep() queues what expired and leaves it for later when a grace period is set", async () => {
  const world = new World({ settings: { deletionGraceMs: DAY } });
  world.expired(1200);
  const report = await world.run(world.sweep());
  assertEquals([report.stopReason, report.total], ["empty", 0]);
  assertEquals(world.left().queued, 1200);
  await world.clock.advance(DAY);
  assertEquals((await world.run(world.sweep())).deleted, 1200);
});

for (const limit of [5, 300]) {
  Deno.test(`sweep() takes ${limit} sessions out of use when that is the limit and a grace period is set`, async () => {
    const world = new World({ settings: { deletionGraceMs: DAY } });
    world.expired(700);
    const report = await world.run(world.sweep({ limit }));
    assertEquals([report.stopReason, report.remaining], ["limit", 700 - limit]);
    assertEquals(world.left().queued, limit);
  });
}
