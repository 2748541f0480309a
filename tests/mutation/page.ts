/** docs/mutation-testing.md: what mutation testing does here, and what it has shown. Written by `--write`. @module */

import { format } from "../../tools/format.ts";
import { type Part, type Reasons, type Results, scoreOf } from "./results.ts";

export const PAGE = new URL("../../docs/mutation-testing.md", import.meta.url);

const INTRODUCTION =
  `<!-- Written by \`npm run mutate -- --write\` from tests/mutation/results.json and reasons.json. Do not edit. -->

# Mutation testing

A tool makes small changes to the product, mutants, and the suites are run on each until one fails. A mutant that no suite
notices is a survivor: a test is missing, or the change makes no difference, and then it says why below.

\`\`\`sh
npm run mutate -- --sample 100 --seed 7                   # 100 mutants of each kind; the same seed draws the same
npm run mutate -- --core --files "**/core/cleanup/*.ts"   # all mutants of these files
npm run mutate -- --sql --sample 100 --seed 7 --quick     # without the integration suite, the slowest
npm run mutate -- --sql --sample 100 --seed 7 --write     # records the results, and writes this page
npm run mutate -- --again --write                         # after new tests: the recorded survivors without a reason
\`\`\`

A run takes an hour or two, ends with an error when fewer than nine of ten were noticed, and prints every survivor. For each
of them write a test, or a reason in tests/mutation/reasons.json if the change makes no difference. Leave the files alone
while it runs, or run it in a worktree of its own: suites read them, and a suite that fails for another reason would count.
What does not end counts as noticed, as \`time\`.

- **The core** (\`core/\` in TypeScript) is mutated by [Stryker](https://stryker-mutator.io)'s instrumenter, with all of its
  mutators. Each mutant meets the unit tests that reach it, nearest first, then the compiler, 40 runs of the simulation, and
  the integration suite.
- **The SQL** (the bodies of all functions) is mutated by a tool of our own: comparisons turned and moved by one, operands
  and whole conditions removed, \`for update\` and \`skip locked\` removed, statements removed, constants and signs changed,
  defaults of \`coalesce\` dropped. Each mutant meets pgTAP, the tests of races, 40 runs of the simulation, and the
  integration suite. What PostgreSQL or plpgsql_check refuses is no program and does not count.

The integration suite has to fail twice. The chaos and restart suites are not run on mutants: they take too long, so what
only they would notice is among the survivors. Why it is done this way: decision
[0023](decisions/0023-mutants-by-tools.md).
`;

export async function mutationPage(results: Results, reasons: Reasons): Promise<string> {
  const sections = [
    INTRODUCTION,
    section("The core", results.core, reasons),
    section("The SQL", results.sql, reasons),
  ];
  return await format(sections.join("\n\n"), "md");
}

function section(title: string, part: Part | null, reasons: Reasons): string {
  if (part === null) return `## ${title}\n\nNothing is recorded.`;
  const { seed, total, tried, invalid, noticedAtFirst, caughtBy, survivors } = part;
  const valid = tried - invalid;
  const suites = Object.entries(caughtBy).map(([suite, count]) => `${suite} ${count}`).join(", ");
  const refused = invalid === 0 ? "" : ` ${invalid} of those drawn were no programs.`;
  const since = noticedAtFirst === valid - survivors.length
    ? ""
    : ` At first ${noticedAtFirst} were noticed; tests have been written since.`;
  return `## ${title}

Of ${total} mutants ${tried} were drawn with seed ${seed}.${refused} **${
    valid - survivors.length
  } of ${valid} were noticed
(${percent(scoreOf(part))}):** ${suites}. ${survivors.length} survived.${since}

${survivors.map((survivor) => entry(survivor, reasons)).join("\n")}`;
}

function entry({ key, file, line, change }: Part["survivors"][number], reasons: Reasons): string {
  const reason = reasons[key] ?? "No reason is known: a test is missing.";
  return `- [${file.split("/").slice(-2).join("/")}](../${file}), line ${line}: ${
    code(change)
  }. ${reason}`;
}

/** Code that may have backticks in it. */
function code(text: string): string {
  return text.includes("`") ? `\`\` ${text} \`\`` : `\`${text}\``;
}

function percent(share: number): string {
  return `${Math.floor(share * 100)} %`;
}
