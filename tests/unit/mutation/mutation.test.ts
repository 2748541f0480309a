import { assertEquals, assertRejects, assertThrows } from "@std/assert/mod.js";
import { join } from "@std/path/mod.js";
import { denoTests, OutOfTime, suiteOrTime } from "../../mutation/command.ts";
import { instrument, SWITCH } from "../../mutation/core/instrument.ts";
import { choose, type Mutant, nameMutants, type Selection } from "../../mutation/mutant.ts";
import { readOptions } from "../../mutation/options.ts";
import { mutationPage } from "../../mutation/page.ts";
import {
  loadReasons,
  loadResults,
  scoreOf,
  summarize,
  withTriedAgain,
} from "../../mutation/results.ts";

function twenty(file: string): Mutant[] {
  const text = "x\n".repeat(20);
  const edits = Array.from({ length: 20 }, (_, i) => ({
    start: 2 * i,
    end: 2 * i + 1,
    replacement: "y",
    mutator: "letter",
  }));
  return nameMutants(edits, { file, text, firstLine: 5 });
}

/** Those of all twenty or forty that are tried. */
function drawn(all: readonly Mutant[], selection: Partial<Selection>): Mutant[] {
  const nothing = { files: null, sample: null, seed: 1, keys: null };
  return [...choose(all, { ...nothing, ...selection }).chosen];
}

Deno.test("a mutant has its line, and a key of its own that does not depend on it", () => {
  const [first, second] = twenty("a.ts");
  assertEquals([first?.line, second?.line], [5, 6]);
  assertEquals([first?.key, second?.key], ["a.ts: x → y (letter)", "a.ts: x → y (letter) #2"]);
});

Deno.test("the same seed draws the same sample, another one another, in the order of the files", () => {
  const all = twenty("a.ts");
  const draw = (seed: number) => drawn(all, { sample: 5, seed });
  assertEquals(draw(1), draw(1));
  assertEquals(draw(1).length, 5);
  assertEquals(draw(1), draw(1).toSorted((a, b) => a.line - b.line));
  assertEquals(
    draw(1).map(({ line }) => line).join() === draw(2).map(({ line }) => line).join(),
    false,
  );
});

Deno.test("only what is in files that match is drawn, and all of it when that is less", () => {
  const all = [...twenty("core/a.ts"), ...twenty("core/sub/b.ts")];
  const files = new Set(drawn(all, { files: "**/b.ts" }).map(({ file }) => file));
  assertEquals([...files], ["core/sub/b.ts"]);
  assertEquals(drawn(all, { sample: 100 }), all);
});

Deno.test("those that are named are chosen whatever a seed would draw, or refused when they are gone", () => {
  const all = twenty("a.ts");
  const key = "a.ts: x → y (letter) #7";
  assertEquals(drawn(all, { sample: 1, keys: new Set([key]) }), all.slice(6, 7));
  assertThrows(
    () => drawn(all, { keys: new Set([key, "a.ts: z → y (letter)"]) }),
    Error,
    "changed",
  );
});

Deno.test("options: both kinds unless one is named, and whole numbers", () => {
  const both = {
    core: true,
    sql: true,
    files: null,
    sample: null,
    seed: 1,
    again: false,
    quick: false,
    write: false,
  };
  assertEquals(readOptions([]), both);
  assertEquals(readOptions(["--sql", "--sample", "9", "--seed", "3"]), {
    ...both,
    core: false,
    sample: 9,
    seed: 3,
  });
  assertEquals(readOptions(["--again", "--quick"]), { ...both, again: true, quick: true });
  assertThrows(() => readOptions(["--again", "--seed", "3"]), RangeError);
  assertThrows(() => readOptions(["--sample", "many"]), RangeError);
  assertThrows(() => readOptions(["--unknown"]), RangeError);
});

Deno.test("what is no program does not count", () => {
  const verdicts = ["unit", "unit", "types", "invalid", null].flatMap((caughtBy, i) => {
    const mutant = twenty("a.ts")[i];
    return mutant === undefined ? [] : [{ mutant, caughtBy }];
  });
  const part = summarize({ total: 20, verdicts }, 7);
  assertEquals([part.caughtBy, part.noticedAtFirst], [{ unit: 2, types: 1 }, 3]);
  assertEquals(part.survivors.map(({ line }) => line), [9]);
  assertEquals(scoreOf(part), 3 / 4);
});

Deno.test("survivors that are noticed when they are tried again are added to the suite that noticed", () => {
  const [one, two, three] = twenty("a.ts");
  if (one === undefined || two === undefined || three === undefined) throw new Error("no mutants");
  const verdict = (mutant: Mutant, caughtBy: string | null) => ({ mutant, caughtBy });
  const recorded = summarize({
    total: 20,
    verdicts: [verdict(one, "unit"), verdict(two, null), verdict(three, null)],
  }, 7);
  const now = withTriedAgain(recorded, {
    total: 20,
    verdicts: [verdict(two, "unit"), verdict(three, null)],
  });
  assertEquals(now, {
    ...recorded,
    caughtBy: { unit: 2 },
    survivors: recorded.survivors.filter(({ key }) => key === three.key),
  });
});

Deno.test("the page lists each survivor with its place, the change and the reason, and says when there is none", async () => {
  const [one, two] = twenty("dir/a.ts");
  if (one === undefined || two === undefined) throw new Error("no mutants");
  const verdicts = [one, two].map((mutant) => ({ mutant, caughtBy: null }));
  const core = summarize({ total: 20, verdicts }, 7);
  const page = (await mutationPage({ core, sql: null }, { [one.key]: "It makes no difference." }))
    .replaceAll(/\s+/g, " ");
  assertEquals(page.includes("**0 of 2 were noticed (0 %):**"), true);
  assertEquals(
    page.includes("[dir/a.ts](../dir/a.ts), line 5: `x → y (letter)`. It makes no difference."),
    true,
  );
  assertEquals(page.includes("line 6: `x → y (letter) #2`. No reason is known"), true);
});

Deno.test("each reason is that of a survivor that is recorded", async () => {
  const { core, sql } = await loadResults();
  const survivors = [core, sql].flatMap((part) => part?.survivors.map(({ key }) => key) ?? []);
  const reasons = Object.keys(await loadReasons());
  assertEquals(reasons.filter((key) => !survivors.includes(key)), []);
});

Deno.test("Stryker's mutants are where they say, each behind a switch of its own", async () => {
  const text = "export function f(a: number): boolean {\n  return a < 3;\n}\n";
  const { sources, edits } = await instrument(new Map([["a.ts", text]]));
  const comparisons = edits.filter(({ edit }) => edit.mutator === "EqualityOperator");
  assertEquals(
    comparisons.map(({ edit }) => [text.slice(edit.start, edit.end), edit.replacement]),
    [
      ["a < 3", "a <= 3"],
      ["a < 3", "a >= 3"],
    ],
  );
  for (const { id } of edits) {
    assertEquals(sources.get("a.ts")?.includes(`stryMutAct_9fa48("${id}")`), true);
  }
});

Deno.test("a mutant of Stryker fails a test once its switch is on", async () => {
  const text = "export function isSmall(n: number): boolean {\n  return n < 3;\n}\n";
  const { sources, edits } = await instrument(new Map([["small.ts", text]]));
  const folder = await Deno.makeTempDir({ prefix: "mutation-" });
  try {
    await Deno.writeTextFile(join(folder, "small.ts"), sources.get("small.ts") ?? "");
    const test = join(folder, "small.test.ts");
    await Deno.writeTextFile(
      test,
      `import { isSmall } from "./small.ts";
      Deno.test("two is small, three is not", () => {
        if (!isSmall(2) || isSmall(3)) throw new Error("wrong");
      });`,
    );
    const passes = async (id: string) =>
      (await denoTests([test], { cwd: folder, env: { [SWITCH]: id } })).success;
    const boundary = edits.find(({ edit }) => edit.replacement === "n <= 3");
    assertEquals([await passes("none"), await passes(boundary?.id ?? "none")], [true, false]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a suite that does not end is told apart from one that fails", async () => {
  const folder = await Deno.makeTempDir({ prefix: "mutation-" });
  try {
    const test = join(folder, "endless.test.ts");
    await Deno.writeTextFile(test, `Deno.test("endless", () => { for (;;); });`);
    const run = () => denoTests([test], { cwd: folder, limitMs: 1000 });
    await assertRejects(run, OutOfTime);
    assertEquals(await suiteOrTime(async () => (await run()).success ? null : "unit"), "time");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
