import { assertEquals } from "@std/assert/mod.js";
import { excerptOf } from "../../support/excerpt.ts";

const DENO = [
  "running 1 test from ./tests/chaos/kills.test.ts",
  "------- output -------",
  "CHAOS_SEED=4711",
  "----- output end -----",
  "kills ... FAILED (3s)",
  "",
  " ERRORS ",
  "",
  "kills => ./tests/chaos/kills.test.ts:27:1",
  "error: AssertionError: it does not end",
  "",
  " FAILURES ",
  "",
  "kills => ./tests/chaos/kills.test.ts:27:1",
  "",
  "FAILED | 0 passed | 1 failed (3s)",
];

Deno.test("the excerpt of a Deno suite has its errors and the seed that repeats them", () => {
  assertEquals(excerptOf(DENO), [
    "CHAOS_SEED=4711",
    "",
    "kills => ./tests/chaos/kills.test.ts:27:1",
    "error: AssertionError: it does not end",
    "",
  ]);
});

Deno.test("the excerpt of pg_prove and of the checks has what failed with what is said of it", () => {
  assertEquals(
    excerptOf([
      "ok 1 - one",
      "not ok 2 - two",
      '# Failed test 2: "two"',
      "#         have: 1",
      "ok 3 - three",
      "# a remark",
      "ok    lint",
      "FAIL  format",
      "      a.ts",
      "ok    types",
    ]),
    ["not ok 2 - two", '# Failed test 2: "two"', "#         have: 1", "FAIL  format", "      a.ts"],
  );
});

Deno.test("the excerpt of a suite that broke is its end, and never endless", () => {
  const lines = Array.from({ length: 1_000 }, (_, i) => `line ${i}`);
  assertEquals(excerptOf(lines), lines.slice(-40));
  assertEquals(excerptOf([" ERRORS ", ...lines]), lines.slice(0, 150));
});
