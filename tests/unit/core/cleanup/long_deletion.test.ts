import { assertEquals } from "@std/assert/mod.js";
import { NOTHING_LEFT, World } from "../../fakes/world.ts";

/** One expired session with so many messages, where a message adds 66 ms. */
function world(messages: number, { lifetimeMs = 400_000 } = {}): World {
  const world = new World({ settings: { msPerMessage: 66 } });
  world.lifetimeMs = lifetimeMs;
  const [row] = world.expired(1);
  if (row !== undefined) row.messageCount = messages;
  return world;
}

/** Two sweeps: one queues what is due, the other finds it in the queue. */
async function sweepTwice(world: World): Promise<void> {
  for (let n = 0; n < 2; n++) await world.run(world.sweep());
}

Deno.test("a session that needs long goes on beside the run and after it, with the time that the worker has", async () => {
  const long = world(5_000);
  const { id } = [...long.store.sessions.values()][0] ?? { id: "" };
  long.acontext.faults = [{ calls: ["deleteSession"], mishap: { kind: "slow", ms: 330_000 } }];
  await sweepTwice(long);
  assertEquals(long.entry(id).holdsSlot, true);
  await long.run(long.settled());
  assertEquals(long.left(), NOTHING_LEFT);
  assertEquals(long.acontext.deleteLimits.get(id), 395_000);
  const [receipt] = long.store.log;
  assertEquals([receipt?.sessionMs, receipt?.repeatedDeletes], [330_000, 0]);
});

Deno.test("its disk is begun however long the session took, as the lease lasts as long", async () => {
  const long = world(2_000);
  long.acontext.faults = [{ calls: ["deleteSession"], mishap: { kind: "slow", ms: 130_000 } }];
  await sweepTwice(long);
  await long.run(long.settled());
  assertEquals(long.left(), NOTHING_LEFT);
  assertEquals(long.acontext.calls.deleteDisk, 1);
});

Deno.test("its disk is left to another worker when this one is shut down meanwhile", async () => {
  const long = world(2_000);
  long.acontext.faults = [{ calls: ["deleteSession"], mishap: { kind: "slow", ms: 130_000 } }];
  const stop = new AbortController();
  long.shutdown = stop.signal;
  await sweepTwice(long);
  stop.abort();
  await long.run(long.settled());
  assertEquals([long.acontext.calls.deleteSession, long.acontext.calls.deleteDisk], [1, 0]);
  const [entry] = [...long.store.queue.values()];
  assertEquals([entry?.sessionProof, entry?.diskProof], ["deleted", null]);
});

Deno.test("one that fits into no worker's life is stuck at once, and no delete is sent", async () => {
  const long = world(5_000, { lifetimeMs: 150_000 });
  await sweepTwice(long);
  await long.run(long.settled());
  const [entry] = [...long.store.queue.values()];
  assertEquals(
    [entry?.attempts, entry?.lastError, entry?.repeatedDeletes],
    [10, "session: needs_longer_worker", 0],
  );
  assertEquals(long.acontext.calls.deleteSession, 0);
});

Deno.test("with its session gone, one that fits into no worker has only its disk left", async () => {
  const long = world(5_000, { lifetimeMs: 150_000 });
  await long.run(long.sweep());
  const [entry] = [...long.store.queue.values()];
  if (entry === undefined) throw new Error("Cannot find the entry");
  entry.sessionProof = "deleted";
  entry.nextAttemptAt = 0;
  await long.run(long.sweep());
  await long.run(long.settled());
  assertEquals(long.store.queue.size, 0);
  assertEquals([long.acontext.calls.deleteSession, long.acontext.calls.deleteDisk], [0, 1]);
});

Deno.test("what is given up with all the time that a worker has is stuck, few messages or many", async () => {
  const long = world(0);
  long.acontext.faults = [{ calls: ["deleteSession"], mishap: { kind: "slow", ms: 500_000 } }];
  const attempt = async () => {
    await long.run(long.sweep());
    await long.run(long.settled());
    const [entry] = [...long.store.queue.values()];
    await long.clock.advance((entry?.nextAttemptAt ?? 0) - long.clock.now());
    return [entry?.slow, (entry?.attempts ?? 0) >= 10];
  };
  // The first answer may have been lost; the second was not; the third had a worker's life.
  assertEquals(await attempt(), [false, false]);
  assertEquals(await attempt(), [true, false]);
  assertEquals(await attempt(), [true, true]);
  assertEquals([...long.acontext.deleteLimits.values()], [395_000]);
});
