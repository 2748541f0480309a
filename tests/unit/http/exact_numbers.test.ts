import { assertEquals } from "@std/assert/mod.js";
import fc from "fast-check";
import { inexactNumbers } from "../../../supabase/functions/_acontext_sessions/http/exact_numbers.ts";

Deno.test("numbers that a double holds to their last digit are found exact", () => {
  for (
    const number of [
      "0",
      "-1",
      "1.50",
      "1e3",
      "1E+2",
      "12345678901234567000",
      "0.30000000000000004",
      "5e-324",
      "1e21",
      "-1.5e-9",
    ]
  ) {
    assertEquals(inexactNumbers(`{"a":[${number}]}`), [], number);
  }
});

Deno.test("numbers that lose a digit are found, with where they are", () => {
  for (
    const number of [
      "12345678901234567890",
      "9007199254740993",
      "0.10000000000000001",
      "1e400",
      "1e-400",
      "-0",
      "-0.0e5",
    ]
  ) {
    assertEquals(inexactNumbers(`{"a":[1,{"b \\" ${number}":${number}}]}`), [
      ["a", "1", `b " ${number}`],
    ]);
  }
});

Deno.test("digits within texts are no numbers, whatever is escaped around them", () => {
  const text = fc.string({ unit: fc.constantFrom('"', "\\", "1e400", "-0", ",", ":", "é") });
  fc.assert(fc.property(fc.array(fc.tuple(text, fc.double({ noNaN: true }))), (members) => {
    const finite = members.filter(([, number]) => Number.isFinite(number) && number !== 0);
    assertEquals(inexactNumbers(JSON.stringify(Object.fromEntries(finite))), []);
    const json = `{${members.map(([name]) => `${JSON.stringify(name)}:1`).join()}}`;
    assertEquals(inexactNumbers(json), []);
  }));
});

Deno.test("however many such numbers there are and however deep, a few are told", () => {
  const depth = 30_000;
  const deep = (inside: string) => `${"[".repeat(depth)}${inside}${"]".repeat(depth)}`;
  const found = inexactNumbers(deep(Array(100_000).fill("1e400").join(",")));
  assertEquals(found.map((path) => path.length), Array(10).fill(depth));
  assertEquals(found.map((path) => path.at(-1)), Array.from({ length: 10 }, (_, at) => `${at}`));
});
