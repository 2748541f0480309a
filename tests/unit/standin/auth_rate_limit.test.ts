import { assertEquals } from "@std/assert/mod.js";
import { createRateLimit } from "../../../local/auth/rate_limit.ts";

Deno.test("a rate limit allows as many as it says, to each address", () => {
  const limit = createRateLimit(2, () => 0);
  assertEquals([limit.take("a"), limit.take("a"), limit.take("a")], [true, true, false]);
  assertEquals(limit.take("b"), true);
});

Deno.test("a rate limit gives one back after its share of an hour, and never more than all", () => {
  let now = 0;
  const limit = createRateLimit(30, () => now);
  for (let count = 0; count < 30; count++) limit.take("a");
  now = 119_999;
  assertEquals(limit.take("a"), false);
  now = 120_000;
  assertEquals([limit.take("a"), limit.take("a")], [true, false]);
  now = 100 * 60 * 60 * 1_000;
  const taken = Array.from({ length: 31 }, () => limit.take("a"));
  assertEquals(taken.filter(Boolean).length, 30);
});

Deno.test("a rate limit can be none", () => {
  const limit = createRateLimit(Infinity);
  assertEquals(Array.from({ length: 100 }, () => limit.take("a")).every(Boolean), true);
});
