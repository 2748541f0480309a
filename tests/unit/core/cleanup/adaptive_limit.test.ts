import { assertEquals } from "@std/assert/mod.js";
import { AdaptiveLimit } from "../../../../supabase/functions/_acontext_sessions/core/cleanup/adaptive_limit.ts";

/** Resolves when everything that could go on has. */
const settled = () => new Promise((resolve) => setTimeout(resolve));

function times(count: number, act: () => void): void {
  for (let i = 0; i < count; i++) act();
}

Deno.test("a run starts with a quarter and doubles while nothing is slow", () => {
  const limit = new AdaptiveLimit(32);
  const seen = [limit.limit];
  times(4, () => {
    limit.faster();
    seen.push(limit.limit);
  });
  assertEquals(seen, [8, 16, 32, 32, 32]);
  assertEquals(new AdaptiveLimit(1).limit, 1);
});

Deno.test("once something was slow it goes up one by one", () => {
  const limit = new AdaptiveLimit(32);
  limit.faster();
  limit.slower();
  assertEquals(limit.limit, 8);
  times(8, () => limit.faster());
  assertEquals(limit.limit, 9);
  times(200, () => limit.faster());
  assertEquals(limit.limit, 32);
});

Deno.test("it lets in as many as it says, and the next when one leaves or it rises", async () => {
  const limit = new AdaptiveLimit(8);
  const entered: number[] = [];
  times(7, () => void limit.enter().then(() => entered.push(limit.limit)));
  await settled();
  assertEquals(entered, [2, 2]);
  limit.leave();
  await settled();
  assertEquals(entered, [2, 2, 2]);
  limit.faster();
  await settled();
  assertEquals(entered, [2, 2, 2, 4, 4]);
  limit.slower();
  times(3, () => limit.leave());
  await settled();
  assertEquals(entered, [2, 2, 2, 4, 4, 2]);
});
