import { assert, assertEquals } from "@std/assert/mod.js";
import { AdaptiveLimit } from "../../../../supabase/functions/_acontext_sessions/core/cleanup/adaptive_limit.ts";
import { Pulse } from "../../../../supabase/functions/_acontext_sessions/core/cleanup/pulse.ts";
import type { Outcome } from "../../../../supabase/functions/_acontext_sessions/core/ports.ts";
import { FakeClock } from "../../fakes/clock.ts";

/** Feels answers that take as long as `takes` says, null for none, until `forMs` have passed. */
async function feel(
  takes: (now: number) => number | null,
  { forMs, usualMs = null, most = 8 }: { forMs: number; usualMs?: number | null; most?: number },
): Promise<{ limit: number; restMs: number | null; silentAt: number[] }> {
  const clock = new FakeClock();
  const limit = new AdaptiveLimit(most);
  const silentAt: number[] = [];
  const pulse = new Pulse({
    clock,
    limit,
    onSilence: () => silentAt.push(clock.now()),
    async probe() {
      const ms = takes(clock.now());
      await clock.sleep(ms ?? 1_000);
      return ms === null ? { kind: "unknown", detail: "timeout" } : { kind: "done", value: null };
    },
  }, usualMs);
  const ended = new AbortController();
  const running = pulse.run(ended.signal);
  await clock.advance(forMs);
  ended.abort();
  await clock.run(running);
  return { limit: limit.limit, restMs: pulse.restMs, silentAt };
}

Deno.test("a run deletes as many at a time as it may while Acontext is as fast as usual", async () => {
  assertEquals(await feel(() => 10, { forMs: 10_000 }), { limit: 8, restMs: 10, silentAt: [] });
  assertEquals((await feel((now) => now % 3 === 0 ? 17 : 10, { forMs: 10_000 })).limit, 8);
});

Deno.test("it deletes fewer while answers take half as long again, and one at least", async () => {
  const slower = (now: number) => now < 1_000 ? 10 : 18;
  assertEquals((await feel(slower, { forMs: 1_200 })).limit, 4);
  assertEquals((await feel(slower, { forMs: 60_000 })).limit, 1);
});

Deno.test("it goes back up when they are fast again", async () => {
  const bad = (now: number) => now > 1_000 && now < 5_000 ? 50 : 10;
  assertEquals((await feel(bad, { forMs: 5_000 })).limit, 1);
  assertEquals((await feel(bad, { forMs: 60_000 })).limit, 8);
});

Deno.test("what earlier runs have seen counts when this one has never seen Acontext at rest", async () => {
  assertEquals((await feel(() => 50, { forMs: 10_000 })).limit, 8);
  assertEquals((await feel(() => 50, { forMs: 10_000, usualMs: 10 })).limit, 1);
});

Deno.test("two questions in a row without an answer are silence, and it is told once", async () => {
  const { silentAt, restMs } = await feel(() => null, { forMs: 20_000 });
  assertEquals([silentAt, restMs], [[2_250], null]);
  const blinks = await feel((now) => now < 500 ? null : 10, { forMs: 20_000 });
  assertEquals(blinks.silentAt, []);
});

Deno.test("an answer that is an error slows a run down, and is no silence", async () => {
  for (
    const answer of [
      { kind: "throttled", retryAfterMs: 2_000 },
      { kind: "unavailable", detail: "http_503" },
      { kind: "unknown", detail: "http_500" },
    ] satisfies Outcome<null>[]
  ) {
    const clock = new FakeClock();
    const limit = new AdaptiveLimit(8);
    let asked = 0;
    const pulse = new Pulse({
      clock,
      limit,
      onSilence: () => assert(false, answer.kind),
      probe() {
        asked += 1;
        return Promise.resolve(answer);
      },
    }, null);
    const ended = new AbortController();
    const running = pulse.run(ended.signal);
    await clock.advance(10_000);
    ended.abort();
    await clock.run(running);
    assertEquals(limit.limit, 1);
    // It asks no sooner again than Acontext has asked for.
    assertEquals(asked, answer.kind === "throttled" ? 6 : 41);
  }
});
