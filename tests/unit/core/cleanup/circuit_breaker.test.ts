import { assertEquals } from "@std/assert/mod.js";
import { CircuitBreaker } from "../../../../supabase/functions/_acontext_sessions/core/cleanup/circuit_breaker.ts";
import type { Blame } from "../../../../supabase/functions/_acontext_sessions/core/cleanup/settlement.ts";
import type { Outcome } from "../../../../supabase/functions/_acontext_sessions/core/ports.ts";

const WELL: Outcome<null> = { kind: "done", value: null };
const DOWN: Outcome<null> = { kind: "unavailable", detail: "refused" };

/** A breaker whose probes the test answers, and what was decided. */
function breaker() {
  const probes: ((outcome: Outcome<null>) => void)[] = [];
  const decided: Blame[] = [];
  const made = new CircuitBreaker<number>({
    probe: () => new Promise((resolve) => probes.push(resolve)),
    decide: (_failure, blame) => decided.push(blame),
  });
  const fail = (times: number) => Array.from({ length: times }, (_, n) => made.recordFailure(n));
  return { made, probes, decided, fail };
}

function times(count: number, blame: Blame): Blame[] {
  return Array.from({ length: count }, () => blame);
}

Deno.test("a closed circuit holds nine failures back and asks nothing", async () => {
  const { probes, decided, fail } = breaker();
  assertEquals(await Promise.all(fail(9)), Array.from({ length: 9 }, () => false));
  assertEquals([probes.length, decided], [0, []]);
});

Deno.test("a success shows that the entries before it failed on their own", async () => {
  const { made, probes, decided, fail } = breaker();
  await Promise.all(fail(9));
  made.recordSuccess();
  assertEquals(decided, times(9, "entry"));
  await Promise.all(fail(9));
  assertEquals(probes.length, 0, "the count in a row begins again");
});

Deno.test("the tenth failure in a row half opens the circuit, and one probe serves all that fail meanwhile", async () => {
  const { made, probes, decided, fail } = breaker();
  const failing = fail(12);
  assertEquals(probes.length, 1);
  probes[0]?.(DOWN);
  assertEquals((await Promise.all(failing)).slice(9), [true, true, true]);
  assertEquals(decided, times(12, "service"));

  made.recordSuccess();
  assertEquals(await Promise.all(fail(2)), [true, true], "an open circuit stays open");
  assertEquals([probes.length, decided], [1, times(14, "service")]);
});

Deno.test("a probe that succeeds closes the circuit", async () => {
  const { probes, decided, fail } = breaker();
  const failing = fail(10);
  probes[0]?.(WELL);
  assertEquals((await Promise.all(failing)).at(-1), false);
  assertEquals(decided, times(10, "entry"));
});

Deno.test("ten failures after a probe that succeeded are worth another probe", async () => {
  const { probes, decided, fail } = breaker();
  const first = fail(10);
  probes[0]?.(WELL);
  await Promise.all(first);
  const second = fail(10);
  assertEquals(probes.length, 2);
  probes[1]?.(DOWN);
  assertEquals((await Promise.all(second)).at(-1), true);
  assertEquals(decided, [...times(10, "entry"), ...times(10, "service")]);
});

Deno.test("a success during the probe closes the circuit, whatever the probe says", async () => {
  const { made, probes, decided, fail } = breaker();
  const failing = fail(10);
  made.recordSuccess();
  probes[0]?.(DOWN);
  assertEquals((await Promise.all(failing)).at(-1), false);
  assertEquals(decided, times(10, "entry"));
});

Deno.test("the end asks about what is still held back, and about nothing else", async () => {
  const { made, probes, decided, fail } = breaker();
  assertEquals(await made.finish(), false);
  await Promise.all(fail(1));
  const finished = made.finish();
  probes[0]?.(DOWN);
  assertEquals([await finished, probes.length, decided], [true, 1, ["service"]]);
});
