/** tests/simulation/README.md: what the simulation is, and what it notices. Written by `--mutants`. @module */

import { format } from "../../../tools/format.ts";
import type { MutantGroup } from "./all.ts";
import type { Mutant } from "./mutant.ts";
import type { Results } from "./results.ts";

export const PAGE = new URL("../README.md", import.meta.url);

const INTRODUCTION =
  `<!-- Written by \`npm run simulate -- --mutants\` from mutants/results.json. Do not edit. -->

# Simulation

The simulation plays the whole system in one process: the real core, the real adapters and the real SQL against the
Acontext stand-in, on virtual time. A seed decides how clients, workers and reconcile interleave, and what goes wrong:
crashes at any \`await\`, lost, false and late answers, outages, erased users, SQL by an operator, changed settings. About
half of the events are drawn one by one. The others come as stories ([stories/](stories/)): short sequences with random
times that lead to situations which single events seldom reach.

Every call is a transaction in a real PostgreSQL. In some of the runs transactions meet: one has done its work and stays
open for up to a second and a half, on a connection of its own, while others come and go; one that has to wait for it goes
on when it has ended. So a lock that is missing is noticed. Not so what needs more than that: a pause between two
statements of one function, two transactions open at a time, a deadlock. Tests of such races are
[tests/integration/sql_races_*.test.ts](../integration/).

After every step the checks below look for anything live that was deleted. At the end the faults stop, the cleanup runs,
and what is left in Acontext has to be exactly what the database knows.

\`\`\`sh
npm run simulate -- --runs 200 --seed 1    # a run that fails is shrunk and printed as a story
npm run simulate -- --replay RUN_SEED      # one run again, as a failure names it
npm run simulate -- --mutants --seed 1     # measures what is below, and writes this page
\`\`\`

\`npm test\` plays the regressions and 150 runs, and checks that every mutant still applies.

## What the checks look for

A violation is a \`leak\` (a remote resource or content that nothing leads to), a \`wrong deletion\` (one that was deleted,
or was about to be, without a reason), a \`content loss\` (what a live session holds) or \`stuck\` (work that is never
done, or is done over and over).
`;

/** By the name that a violation gives. The checks are in checks/, but for \`endless\`, which the ending finds. */
export const CHECKS: Record<string, string> = {
  attempts: "Attempts are spread over time, and what no session is to blame for counts none.",
  balance:
    "When the faults have stopped and the cleanup has run, Acontext has what live sessions hold, and nothing waits.",
  binding:
    "What a caller reports as created is bound, queued, or left to a later run that will examine it.",
  content:
    "What live sessions hold is not lost, no object is left that nothing uses, and deletes come neither too soon, nor more at a time than `max_remote_deletes`, nor again before their sender has asked for what carries that session's mark.",
  endless: "Nothing is done over and over.",
  guards: "SQL that would lose remote ids is refused; SQL that has to work does.",
  holding:
    "A process that creates or deletes holds a lease that outlives its request; a report under a lost lease changes nothing.",
  "live resources":
    "Nothing live is deleted, nothing is shared, nothing that belongs to others is touched. An app's copy of a session is left alone while its original lives, and is an orphan after that.",
  making:
    "A session is created by one caller at a time, after its row, once, and found again when an answer was lost.",
  "overlapping deletes":
    "No two workers delete one id at a time, and what is known to be gone is left alone.",
  reachability:
    "Whatever was created stays reachable: from a row, from the queue, or, only after a mishap, by its mark.",
  receipts:
    "A receipt is true: what it names is gone. Nothing leaves the tables without a receipt.",
  runs: "A run is executed once, however often its request is delivered.",
  transitions:
    "A session is deleted only because someone asked or its time is up, and is restored only untouched.",
  "unexpected error": "Nothing fails in a way that no fault explains.",
};

/** The page as it has to be, given what was recorded. */
export async function mutantsPage(groups: MutantGroup[], results: Results): Promise<string> {
  const seeds = Object.keys(results.mostRuns).toSorted((a, b) => Number(a) - Number(b));
  const mutants = groups.flatMap((group) => group.mutants);
  const sections = [
    INTRODUCTION,
    Object.entries(CHECKS).map(([name, text]) => `- **${name}**: ${text}`).join("\n"),
    `## What is noticed when a mechanism is missing\n\n${summary(mutants, results)}`,
    ...groups.map(({ title, mutants }) => `### ${title}\n\n${table(mutants, { results, seeds })}`),
    secondLayers(mutants),
  ];
  return await format(sections.join("\n\n"), "md");
}

function summary(mutants: Mutant[], { mostRuns, mutants: results }: Results): string {
  const tried = mutants.filter(({ backedUp }) => backedUp === undefined);
  const resultsOf = ({ mechanism }: Mutant) => Object.values(results[mechanism]?.runs ?? {});
  const survivors = tried.filter((mutant) => resultsOf(mutant).includes(null));
  const rare = tried.filter((mutant) => resultsOf(mutant).length === 0);
  const verdict = [
    survivors.length + rare.length === 0 ? [`All ${tried.length} are noticed.`] : [],
    survivors.length === 0 ? [] : [`${survivors.length} of ${tried.length} are **not** noticed.`],
    rare.length === 0 ? [] : [
      `${rare.length} without a figure need a moment that is met too seldom here; races like it are tried in
[tests/integration](../integration/).`,
    ],
  ].flat().join(" ");
  const limits = Object.entries(mostRuns).map(([seed, runs]) => `${runs} with seed ${seed}`);
  return `Each mutant takes one mechanism out of the code or the SQL. The numbers are the runs until a check failed, of at
most ${limits.join(", ")}. ${verdict}`;
}

function table(
  mutants: Mutant[],
  { results, seeds }: { results: Results; seeds: string[] },
): string {
  const head = ["Mechanism taken away", ...seeds.map((seed) => `Seed ${seed}`), "Noticed as"];
  const rule = ["---", ...seeds.map(() => "---:"), "---"];
  const rows = mutants.filter(({ backedUp }) => backedUp === undefined).map(({ mechanism }) => {
    const result = results.mutants[mechanism];
    const runs = seeds.map((seed) => cell(result?.runs[seed]));
    return [mechanism, ...runs, result?.caughtBy ?? ""];
  });
  return [head, rule, ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** @param runs Undefined: not tried with this seed. */
function cell(runs: number | null | undefined): string {
  if (runs === undefined) return "–";
  return runs === null ? "**not noticed**" : String(runs);
}

function secondLayers(mutants: Mutant[]): string {
  const paragraphs = mutants.flatMap(({ mechanism, backedUp }) =>
    backedUp === undefined ? [] : [
      `**${mechanism}.** ${backedUp.by} Its own test: [${backedUp.test}](../../${backedUp.test}).`,
    ]
  );
  if (paragraphs.length === 0) return "";
  return `## Second layers

Without one of these alone nothing breaks that the simulation could see, because another mechanism stands behind it. They
are tried only together with what backs them up ("both: …" above), and each has a test of its own at the database.

${paragraphs.join("\n\n")}`;
}
