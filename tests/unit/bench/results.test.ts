import { assert, assertEquals, assertThrows } from "@std/assert/mod.js";
import { join } from "@std/path/mod.js";
import { prettyJson } from "../../../bench/json.ts";
import { summarise } from "../../../bench/statistics.ts";
import { ROOT } from "../../../local/paths.ts";

const RESULTS = join(ROOT, "bench", "results");
/** A longer list of numbers is one of samples. */
const MAX_LIST = 12;
const MAX_FILE_BYTES = 20 * 1024;
const MAX_WIDTH = 160;

/** Lists of numbers anywhere in a value. */
function numberLists(value: unknown): number[][] {
  if (value === null || typeof value !== "object") return [];
  if (Array.isArray(value) && value.every((member) => typeof member === "number")) return [value];
  return Object.values(value).flatMap(numberLists);
}

Deno.test("results of benchmarks hold aggregates in short lines, not samples", async () => {
  let files = 0;
  for await (const { name } of Deno.readDir(RESULTS)) {
    files += 1;
    const text = await Deno.readTextFile(join(RESULTS, name));
    const longest = Math.max(0, ...numberLists(JSON.parse(text)).map(({ length }) => length));
    assert(longest <= MAX_LIST, `${name} has a list of ${longest} numbers`);
    assert(text.length <= MAX_FILE_BYTES, `${name} has ${text.length} characters`);
    for (const line of text.split("\n")) assert(line.length <= MAX_WIDTH, `${name}: ${line}`);
  }
  assert(files > 0);
});

Deno.test("the performance page has no table wider than a screen", async () => {
  const page = await Deno.readTextFile(join(ROOT, "docs", "performance.md"));
  const rows = page.split("\n").filter((line) => line.startsWith("|"));
  assert(rows.length > 0);
  assertEquals(rows.filter((row) => row.length > MAX_WIDTH), []);
});

Deno.test("summarise() takes nearest ranks, and the mean of the two samples in the middle", () => {
  const samples = Array.from({ length: 200 }, (_, index) => 200 - index);
  assertEquals(summarise(samples), {
    count: 200,
    min: 1,
    p25: 50,
    median: 100.5,
    p99: 198,
    max: 200,
  });
  assertEquals(summarise([7]), { count: 1, min: 7, p25: 7, median: 7, p99: 7, max: 7 });
  assertThrows(() => summarise([]), RangeError, "no samples");
});

Deno.test("prettyJson() keeps the value, in one line where it fits and else member by member", () => {
  const value = {
    empty: {},
    none: [],
    list: [1, null, "a\n"],
    rows: Array(40).fill({ "a b": 1.5 }),
  };
  const text = prettyJson(value);
  assertEquals(JSON.parse(text), value);
  assertEquals(text.split("\n").slice(0, 6), [
    "{",
    '  "empty": {},',
    '  "none": [],',
    '  "list": [1, null, "a\\n"],',
    '  "rows": [',
    '    { "a b": 1.5 },',
  ]);
});
