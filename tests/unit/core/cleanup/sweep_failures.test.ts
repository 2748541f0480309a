import { assert, assertEquals, assertLess } from "@std/assert/mod.js";
import type { Outcome } from "../../../../supabase/functions/_acontext_sessions/core/ports.ts";
import { HTTP_500, type Mishap } from "../../fakes/acontext.ts";
import type { SessionRow } from "../../fakes/store_rows.ts";
import { NOTHING_LEFT, World } from "../../fakes/world.ts";

const REJECTED: Outcome<never> = { kind: "rejected", status: 403, detail: "http_403" };
const THROTTLED: Outcome<never> = { kind: "throttled", retryAfterMs: 3000 };

/** Makes every delete of these sessions go wrong. */
function poison(world: World, rows: SessionRow[], outcome: Outcome<never>): void {
  const mishap: Mishap = { kind: "answer", outcome };
  world.acontext.faults.push(
    ...rows.map(({ id }) => ({ calls: ["deleteSession" as const], id, mishap })),
  );
}

function attempts(world: World): number[] {
  return [...world.store.queue.values()].map((entry) => entry.attempts);
}

Deno.test("sweep() goes on with the others when one session cannot be deleted", async () => {
  const world = new World({ latencyMs: 100, storeLatencyMs: 10 });
  const [bad, ...good] = world.expired(100);
  poison(world, bad ? [bad] : [], REJECTED);
  const report = await world.run(world.sweep());

  assertEquals([report.deleted, report.failed, report.stopReason], [good.length, 1, "empty"]);
  assertEquals(report.errors, [{ id: bad?.id ?? "", error: "session: http_403" }]);
  const { attempts, lastError, diskProof } = world.entry(bad?.id ?? "");
  assertEquals([attempts, lastError, diskProof], [1, "session: http_403", "deleted"]);
  assertEquals(report.remaining, 0);
});

Deno.test("sweep() names each session whose row the app keeps, and counts it as failed", async () => {
  const world = new World();
  const [first, second] = world.expired(4);
  world.acontext.faults = [{
    calls: ["deleteSession"],
    id: second?.id ?? "",
    times: 1,
    mishap: { kind: "answer", outcome: { kind: "rejected", status: 409, detail: "http_409" } },
  }];
  world.store.kept.add(first?.id ?? "");
  const { total, deleted, failed, deferred, errors } = await world.run(world.sweep());
  assertEquals({ total, deleted, failed, deferred }, {
    total: 4,
    deleted: 2,
    failed: 2,
    deferred: 0,
  });
  assertEquals(errors.toSorted((a, b) => a.error.localeCompare(b.error)), [
    { id: first?.id ?? "", error: "row: 23503" },
    { id: second?.id ?? "", error: "session: http_409" },
  ]);
});

Deno.test("sweep() keeps the error of the last attempt when it gives a deletion back untouched", async () => {
  const world = new World();
  const [bad] = world.expired(1);
  poison(world, bad ? [bad] : [], REJECTED);
  await world.run(world.sweep());
  await world.clock.advance(30_000);
  const stop = new AbortController();
  world.store.failure = (call) => {
    if (call === "claimDeletions") stop.abort();
    return null;
  };
  const report = await world.run(world.sweep({ signal: stop.signal }));

  assertEquals([report.stopReason, report.deferred], ["shutdown", 1]);
  const { attempts, lastError, leaseId } = world.entry(bad?.id ?? "");
  assertEquals([attempts, lastError, leaseId], [1, "session: http_403", null]);
});

for (const outcome of [HTTP_500, REJECTED, { kind: "unavailable", detail: "http_503" } as const]) {
  Deno.test(`sweep() counts attempts and backs off when a single session, alone in the queue, is ${JSON.stringify(outcome)}`, async () => {
    const world = new World();
    const bad = world.expired(1);
    poison(world, bad, outcome);
    for (const [round, backoff] of [30_000, 60_000, 120_000].entries()) {
      const report = await world.run(world.sweep());
      assertEquals([report.failed, report.stopReason], [1, "empty"]);
      const entry = world.entry(bad[0]?.id ?? "");
      assertEquals(entry.attempts, round + 1);
      assertEquals(entry.nextAttemptAt - world.clock.now(), backoff);
      assertEquals((await world.run(world.sweep())).total, 0);
      await world.clock.advance(backoff);
    }
    world.acontext.faults = [];
    assertEquals((await world.run(world.sweep())).deleted, 1);
    assertEquals(world.left(), NOTHING_LEFT);
  });
}

for (const concurrency of [1, 4, 16]) {
  Deno.test(`sweep() is not held up and sees no outage when ten sessions answer 500 among good ones, ${concurrency} at a time`, async () => {
    const world = new World({ latencyMs: 100, settings: { concurrency } });
    const rows = world.expired(60);
    const bad = rows.slice(0, 10);
    poison(world, bad, HTTP_500);
    const report = await world.run(world.sweep());

    assertEquals([report.deleted, report.failed, report.stopReason], [50, 10, "empty"]);
    assert(bad.every(({ id }) => world.entry(id).attempts === 1));
    assertEquals(report.errors.length, 10);
  });
}

Deno.test("sweep() counts each attempt when only undeletable sessions are left and the service is well", async () => {
  const world = new World({ latencyMs: 100 });
  poison(world, world.expired(45), HTTP_500);
  const report = await world.run(world.sweep());
  assertEquals([report.failed, report.stopReason, report.deferred], [45, "empty", 0]);
  assertEquals(attempts(world), Array.from({ length: 45 }, () => 1));
  assertEquals(report.errors.length, 20);
});

Deno.test("sweep() counts a session as deleted and not as failed when a later attempt of the same run succeeds", async () => {
  const world = new World({ latencyMs: 500, settings: { concurrency: 1 } });
  const [bad] = world.expired(150);
  poison(world, bad ? [bad] : [], REJECTED);
  world.clock.at(20_000, () => {
    world.acontext.faults = [];
  });
  const report = await world.run(world.sweep({ timeBudgetMs: 200_000 }));
  assertEquals([report.total, report.deleted, report.failed], [150, 150, 0]);
  assertEquals(world.left(), NOTHING_LEFT);
});

Deno.test("sweep() asks nothing more and counts no attempt when the worker is shut down while deletes fail", async () => {
  const world = new World({ latencyMs: 1000 });
  const bad = world.expired(5);
  poison(world, bad, HTTP_500);
  world.acontext.faults.push({ calls: ["probe"], mishap: { kind: "lost" } });
  const stop = new AbortController();
  const sweeping = world.sweep({ signal: stop.signal });
  await world.clock.advance(500);
  stop.abort();
  const asked = { ...world.acontext.calls };
  assertEquals(asked.deleteSession, 4);
  const report = await world.run(sweeping);
  assertEquals(world.acontext.calls, asked);
  assertEquals([report.stopReason, report.failed, report.deferred], ["shutdown", 0, 5]);
  assertEquals(attempts(world), [0, 0, 0, 0, 0]);
  assertEquals(world.left().leased, 0);
});

Deno.test("sweep() sees no outage when others succeed in between, whatever the probe would say", async () => {
  const world = new World({ settings: { concurrency: 1 } });
  const rows = world.expired(200);
  const bad = rows.filter((_, index) => index % 10 === 0);
  poison(world, bad, HTTP_500);
  world.acontext.faults.push({ calls: ["probe"], mishap: { kind: "answer", outcome: HTTP_500 } });
  const report = await world.run(world.sweep());
  assertEquals([report.stopReason, report.deleted, report.failed], ["empty", 180, 20]);
});

Deno.test("sweep() ends soon when it has seen an outage and stragglers fail too", async () => {
  const world = new World({ latencyMs: 100 });
  const rows = world.expired(16);
  world.acontext.outage = "network";
  world.acontext.faults = [
    { calls: ["probe"], mishap: { kind: "lost" } },
    ...rows.slice(10).map(({ id }) => ({
      calls: ["deleteSession" as const],
      id,
      mishap: { kind: "slow" as const, ms: 12_000 },
    })),
  ];
  const report = await world.run(world.sweep());
  assertEquals([report.stopReason, report.deferred], ["outage", 16]);
  assertLess(world.clock.now(), 15_000);
});

for (const outage of ["database", "network"] as const) {
  Deno.test(`sweep() stops early and counts no attempt when Acontext has a ${outage} outage`, async () => {
    const world = new World({ latencyMs: 100, storeLatencyMs: 10 });
    world.expired(500);
    world.acontext.outage = outage;
    const report = await world.run(world.sweep());

    assertEquals([report.deleted, report.failed, report.stopReason], [0, 0, "outage"]);
    assertEquals(report.total, report.deferred);
    assertLess(world.acontext.deleteStarts.length, 100);
    // Those of the pulse are among them.
    assertLess(world.acontext.calls.probe, 12);
    assertLess(world.clock.now(), 3500);
    assertEquals(world.left().leased, 0);
    assert(attempts(world).every((count) => count === 0));

    world.acontext.outage = null;
    await world.clock.advance(60_000);
    assertEquals((await world.run(world.sweep())).deleted, 500);
  });

  for (const count of [1, 5, 9, 12, 60]) {
    Deno.test(`sweep() counts no attempt when a ${outage} outage begins with ${count} sessions left`, async () => {
      const world = new World({ latencyMs: 100, settings: { concurrency: 4 } });
      world.expired(100 + count);
      world.clock.at(5250, () => {
        world.acontext.outage = outage;
      });
      const report = await world.run(world.sweep());

      assertEquals([report.stopReason, report.failed], ["outage", 0]);
      assert(report.deleted >= 96);
      assertEquals(report.total, report.deleted + report.deferred);
      assert(attempts(world).every((attempts) => attempts === 0));
      assertEquals(world.left().leased, 0);
    });
  }
}

Deno.test("sweep() begins nothing new once Acontext has been silent, while deletes are still waited for", async () => {
  const world = new World({ latencyMs: 100 });
  world.expired(40);
  world.acontext.faults = [
    { calls: ["probe"], mishap: { kind: "late", ms: 5000 } },
    { calls: ["deleteSession"], mishap: { kind: "slow", ms: 30_000 } },
  ];
  const report = await world.run(world.sweep());
  assertEquals([report.stopReason, report.deleted, report.failed], ["outage", 4, 0]);
  assertEquals(world.acontext.calls.deleteSession, 4);
  assertEquals(world.left().leased, 0);
});

Deno.test("sweep() loses little time and no attempt when Acontext answers nothing at all", async () => {
  const world = new World({ latencyMs: 100 });
  world.expired(500);
  world.acontext.faults = [{
    calls: ["deleteSession", "deleteDisk", "probe"],
    mishap: { kind: "late", ms: 5000 },
  }];
  const report = await world.run(world.sweep());
  assertEquals([report.stopReason, report.failed], ["outage", 0]);
  // Nothing is begun before the first beat has an answer, nor after the second; what was begun has its time.
  assertEquals(world.acontext.deleteStarts.length, 4);
  assertLess(world.clock.now(), 135_000);
  assert(attempts(world).every((count) => count === 0));

  world.acontext.faults = [];
  await world.clock.advance(60_000);
  await world.run(world.sweep());
  assertEquals(world.left(), NOTHING_LEFT);
  assertEquals(world.acontext.overlappingDeletes, 0);
});

Deno.test("sweep() sees no outage when the probe fails by chance while others succeed", async () => {
  const world = new World({ latencyMs: 100, settings: { concurrency: 16 } });
  const rows = world.expired(200);
  poison(world, rows.slice(0, 10), HTTP_500);
  world.acontext.faults.push(
    { calls: ["probe"], times: 1, mishap: { kind: "lost" } },
    ...rows.slice(10, 16).map(({ id }) => ({
      calls: ["deleteSession" as const],
      id,
      mishap: { kind: "slow" as const, ms: 50 },
    })),
  );
  const report = await world.run(world.sweep());
  assertEquals([report.stopReason, report.deleted, report.failed], ["empty", 190, 10]);
});

Deno.test("sweep() lets all slots wait and counts no attempt when Acontext throttles", async () => {
  const world = new World({ latencyMs: 100, storeLatencyMs: 10, settings: { concurrency: 8 } });
  world.expired(200);
  const fault = { kind: "answer", outcome: THROTTLED } as const;
  world.clock.at(1000, () => {
    world.acontext.faults = [{ calls: ["deleteSession"], times: 3, mishap: fault }];
  });
  const report = await world.run(world.sweep());

  assertEquals([report.deleted, report.failed, report.total], [200, 0, 200]);
  assertEquals([report.stopReason, report.deferred], ["empty", 0]);
  const starts = [...new Set(world.acontext.deleteStarts)].sort((a, b) => a - b);
  const gaps = starts.map((start, index) => start - (starts[index - 1] ?? start));
  assertEquals(gaps.filter((gap) => gap > 2500).length, 1);
  assertEquals(world.store.log.every(({ attempts }) => attempts === 1), true);
});

Deno.test("sweep() stops and gives back its leases when Acontext asks for more time than is left", async () => {
  const world = new World({ latencyMs: 100 });
  world.expired(100);
  world.acontext.faults = [{
    calls: ["deleteSession"],
    mishap: { kind: "answer", outcome: { kind: "throttled", retryAfterMs: 60_000 } },
  }];
  const report = await world.run(world.sweep({ timeBudgetMs: 50_000 }));
  assertEquals([report.stopReason, report.deleted, report.failed], ["throttled", 0, 0]);
  assertLess(world.clock.now(), 1000);
  assertEquals(world.left().leased, 0);
  assertEquals(report.remaining, 100);
});

Deno.test("sweep() ends and lets the others through when one session is always throttled", async () => {
  const world = new World({ latencyMs: 100 });
  const [bad] = world.expired(50);
  poison(world, bad ? [bad] : [], THROTTLED);
  const report = await world.run(world.sweep());
  assertEquals([report.deleted, report.failed, report.deferred], [49, 0, 1]);
  assertEquals(report.stopReason, "throttled");
  assertLess(world.acontext.calls.deleteSession, 49 + 40);
});

Deno.test("sweep() takes up again what it leased when a pause outlives the leases", async () => {
  const world = new World({ latencyMs: 100 });
  world.expired(40);
  world.acontext.faults = [{
    calls: ["deleteSession"],
    times: 1,
    mishap: { kind: "answer", outcome: { kind: "throttled", retryAfterMs: 90_000 } },
  }];
  const report = await world.run(world.sweep({ timeBudgetMs: 200_000 }));
  assertEquals([report.deleted, report.stopReason], [40, "empty"]);
  assertEquals(world.left(), NOTHING_LEFT);
});

Deno.test("sweep() starts no delete in the last part of a lease when Acontext is slow", async () => {
  const world = new World({ latencyMs: 9500, settings: { concurrency: 1 } });
  world.lifetimeMs = 800_000;
  world.expired(20);
  const report = await world.run(world.sweep({ timeBudgetMs: 600_000 }));
  assertEquals([report.deleted, report.failed, report.stopReason], [20, 0, "empty"]);
  assertEquals(world.acontext.overlappingDeletes, 0);
});

Deno.test("sweep() is not stopped by undeletable sessions when they are the oldest, run after run", async () => {
  const world = new World({ settings: { maxPerRun: 20, concurrency: 4 } });
  const bad = world.active(20, 1e10);
  poison(world, bad, HTTP_500);
  world.expired(60);
  for (let run = 0; run < 6; run++) {
    await world.run(world.sweep());
    await world.clock.advance(10_000);
  }
  assertEquals(world.store.log.length, 60);
  assertEquals([...world.store.queue.keys()], bad.map(({ id }) => id));
});

Deno.test("sweep() deletes all without a leak when answers are lost, wrong and late", async () => {
  const world = new World({ latencyMs: 100, storeLatencyMs: 10 });
  const rows = world.expired(1000);
  const mishaps: Mishap[] = [
    { kind: "lost" },
    { kind: "answer", outcome: { kind: "absent" } },
    { kind: "answer", outcome: HTTP_500 },
    { kind: "late", ms: 15_000 },
    { kind: "answer", outcome: THROTTLED },
  ];
  for (const [index, { id, acontextDiskId }] of rows.entries()) {
    const mishap = mishaps[index % 23];
    if (mishap === undefined) continue;
    world.acontext.faults.push(
      { calls: ["deleteSession"], id, times: 2, mishap },
      { calls: ["deleteDisk"], id: acontextDiskId ?? "", times: 1, mishap },
    );
  }
  for (let round = 0; round < 20 && world.store.sessions.size > 0; round++) {
    await world.run(Promise.all([world.sweep(), world.sweep()]));
    assertEquals(world.leaked(), []);
    await world.clock.advance(60_000);
  }
  assertEquals(world.left(), NOTHING_LEFT);
  assertEquals(world.acontext.overlappingDeletes, 0);
});
