/**
 * `npm test`: the checks, then every suite. Ends with one line that adds up all of them: `N passed, N failed`.
 *
 * `npm test -- unit stack` runs only the suites that are named. With `TEST_COMPLETE=1` a suite, or a part of one, that this
 * machine cannot run has failed; else it is only named.
 *
 * @module
 */

import { reporter } from "../tools/check/report.ts";
import { runChecks } from "../tools/check/all.ts";
import { debianProblem } from "../local/postgres/debian.ts";
import { chaosTests } from "./chaos/run.ts";
import { clientStack, clientTests } from "./client/run.ts";
import { enduranceStack, enduranceTests } from "./endurance/run.ts";
import { fuzzStack, fuzzTests } from "./fuzz/run.ts";
import { runIntegration } from "./integration/run.ts";
import { nightlyStack, nightlyTests } from "./nightly/run.ts";
import { type Counts, runBenchmarks, runDenoTests, runPgTap, sum } from "./support/suites.ts";
import { createLivedInProject } from "./support/lived_in.ts";
import { withTestStack } from "./support/test_stack.ts";

const suites: Record<string, () => Promise<Counts | string>> = {
  async check() {
    const report = reporter();
    await runChecks(report, { fix: false });
    const { passed, failed, leftOut, problems } = report;
    return { passed, failed, leftOut, excerpt: problems };
  },
  unit: () => runDenoTests(["tests/unit"]),
  contract: () => runDenoTests(["tests/contract"]),
  /** The whole system on virtual time; a few of the many runs of `npm run simulate`. */
  simulation: () => runDenoTests(["tests/simulation"]),
  stack: () => runDenoTests(["tests/stack"]),
  /** Every answer is compared with openapi.json. */
  integration: runIntegration,
  /** Bad and borderline requests to every route, and writes of all roles. */
  fuzz: () => withTestStack(fuzzStack, ({ file }) => runDenoTests([fuzzTests], { file })),
  /** The client as a package: in an app, in Node, in Deno and in a browser. */
  client: () => withTestStack(clientStack, ({ file }) => runDenoTests([clientTests], { file })),
  /** Parts of the stack that die while they work. */
  restarts: () => runDenoTests(["tests/restarts"]),
  /** Workers and databases that die while others go on. */
  chaos: () => runDenoTests([chaosTests]),
  /** A backlog of 20,000 that the schedule drains alone, and a year of history. */
  endurance: () =>
    withTestStack(enduranceStack, ({ file }) => runDenoTests([enduranceTests], { file })),
  /** Structure, rights and functions of the database: a new one, then one in which an app lives already. */
  async pgtap() {
    const problem = await debianProblem();
    if (problem !== null) return problem;
    const alone = await withTestStack({ postgres: "debian" }, runPgTap);
    const projectDir = await createLivedInProject(["before", "ours", "later"]);
    try {
      const livedIn = await withTestStack({ postgres: "debian", projectDir }, runPgTap);
      return sum(alone, livedIn);
    } finally {
      await Deno.remove(projectDir, { recursive: true });
    }
  },
  /** The scheduled path with the real pg_cron. */
  async nightly() {
    const problem = await debianProblem();
    if (problem !== null) return problem;
    return await withTestStack(nightlyStack, ({ file }) => runDenoTests([nightlyTests], { file }));
  },
  /** The benchmarks, small. Nothing that was timed is judged. */
  bench: runBenchmarks,
};

if (import.meta.main) {
  const unknown = Deno.args.find((name) => !(name in suites));
  if (unknown !== undefined) {
    console.error(`Cannot run "${unknown}": the suites are ${Object.keys(suites).join(", ")}`);
    Deno.exit(1);
  }
  const total = { passed: 0, failed: 0 };
  const lines: string[] = [];
  const complete = Deno.env.get("TEST_COMPLETE") === "1";
  const failures: string[] = [];
  let leftOut = 0;
  for (const [name, run] of Object.entries(suites)) {
    if (Deno.args.length > 0 && !Deno.args.includes(name)) continue;
    console.log(`\n── ${name} ──`);
    const started = performance.now();
    const counts = await run().catch((error): Counts => {
      console.error(error);
      return { passed: 0, failed: 1, leftOut: [], excerpt: [String(error)] };
    });
    const seconds = Math.round((performance.now() - started) / 1000);
    if (typeof counts === "string") {
      lines.push(`${name}: left out, ${counts}`);
      leftOut += 1;
      continue;
    }
    lines.push(`${name}: ${counts.passed} passed, ${counts.failed} failed (${seconds} s)`);
    lines.push(...counts.leftOut.map((part) => `${name}: left out, ${part}`));
    if (counts.failed > 0) failures.push(`\n── ${name}: what failed ──`, ...counts.excerpt);
    total.passed += counts.passed;
    total.failed += counts.failed;
    leftOut += counts.leftOut.length;
  }
  if (complete && leftOut > 0) {
    lines.push("TEST_COMPLETE=1: what was left out counts as failed");
    total.failed += leftOut;
  }
  // Once more, where the end of a long output is all that is kept.
  for (const line of failures) console.log(line);
  console.log(`\n${lines.join("\n")}\n${total.passed} passed, ${total.failed} failed`);
  Deno.exit(total.failed === 0 ? 0 : 1);
}
