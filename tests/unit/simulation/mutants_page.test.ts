import { assert, assertEquals } from "@std/assert/mod.js";
import { GROUPS, type MutantGroup, MUTANTS } from "../../simulation/mutants/all.ts";
import { CHECKS, mutantsPage } from "../../simulation/mutants/page.ts";
import { loadResults, type Results, withSeed } from "../../simulation/mutants/results.ts";
const groups: MutantGroup[] = [
  { title: "First", mutants: [{ mechanism: "a lock" }, { mechanism: "a key" }] },
  {
    title: "Second",
    mutants: [
      { mechanism: "a spare", backedUp: { by: "A lock is there.", test: "supabase/tests/x.sql" } },
      { mechanism: "a wall" },
      { mechanism: "a moat" },
    ],
  },
];

const results: Results = {
  mostRuns: { "1": 500, "12": 300 },
  mutants: {
    "a lock": { caughtBy: "leak: making", runs: { "1": 7, "12": 11 } },
    "a key": { caughtBy: "", runs: { "1": null } },
    "a wall": { caughtBy: "stuck: runs", runs: { "1": 3, "12": 2 } },
    "a moat": { caughtBy: "", runs: {} },
  },
};

Deno.test("mutantsPage() has a table for each subject, with a column for each seed", async () => {
  const page = await mutantsPage(groups, results);
  const [, first = "", second = ""] = page.split(/^### /m);
  assertEquals(
    first.split("\n").filter((line) => line.startsWith("| a")).map((line) =>
      line.split("|").slice(1, -1).map((cell) => cell.trim())
    ),
    [["a lock", "7", "11", "leak: making"], ["a key", "**not noticed**", "–", ""]],
  );
  assert(/^\| a wall +\| +3 \| +2 \| stuck: runs +\|$/m.test(second));
});

Deno.test("mutantsPage() says how many were tried and that one is not noticed", async () => {
  const page = await mutantsPage(groups, results);
  assert(page.replace(/\s+/g, " ").includes("1 without a figure need"));
  assert(page.replace(/\s+/g, " ").includes("300 with seed 12. 1 of 4 are **not** noticed."));
});

Deno.test("mutantsPage() keeps what is backed up out of the tables and names its test", async () => {
  const page = await mutantsPage(groups, results);
  assertEquals(/^\| a spare/m.test(page), false);
  assert(
    page.replace(/\s+/g, " ").includes(
      "**a spare.** A lock is there. Its own test: [supabase/tests/x.sql](../../supabase/tests/x.sql).",
    ),
  );
  assertEquals((await mutantsPage(groups.slice(0, 1), results)).includes("Second layers"), false);
});

Deno.test("withSeed() replaces one seed, and forgets what is no mechanism any more", () => {
  const catches = [
    { mechanism: "a lock", runs: 5, caughtBy: "leak: binding" },
    { mechanism: "a door", runs: 1, caughtBy: "leak: guards" },
  ];
  assertEquals(withSeed(results, { seed: 12, mostRuns: 400, catches }), {
    mostRuns: { "1": 500, "12": 400 },
    mutants: {
      "a lock": { caughtBy: "leak: making", runs: { "1": 7, "12": 5 } },
      "a door": { caughtBy: "leak: guards", runs: { "12": 1 } },
    },
  });
  const { mutants } = withSeed(results, { seed: 1, mostRuns: 500, catches });
  assertEquals(mutants["a lock"], { caughtBy: "leak: binding", runs: { "1": 5, "12": 11 } });
});

Deno.test("each mechanism has a result, each result a mechanism, each mutant is noticed, and each check has a description", async () => {
  const recorded = await loadResults();
  const tried = MUTANTS.filter(({ backedUp }) => backedUp === undefined);
  assertEquals(
    Object.keys(recorded.mutants).toSorted(),
    tried.map(({ mechanism }) => mechanism).toSorted(),
  );
  for (const [mechanism, { caughtBy, runs }] of Object.entries(recorded.mutants)) {
    assert((caughtBy.split(": ")[1] ?? "") in CHECKS, caughtBy);
    assert(Object.keys(runs).length > 0 && !Object.values(runs).includes(null), mechanism);
  }
  assertEquals(GROUPS.flatMap(({ mutants }) => mutants), MUTANTS);
});
