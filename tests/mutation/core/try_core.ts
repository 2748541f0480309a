/**
 * Tries the mutants of the core: the unit tests that reach them, nearest first, then the compiler, the simulation, and the
 * integration suite.
 *
 * @module
 */

import { basename, dirname, join } from "@std/path/mod.js";
import { denoTests, outputOf, suiteOrTime } from "../command.ts";
import { type IntegrationNotices, integrationSuite } from "../integration.ts";
import { cleanedUp } from "../../support/cleaned_up.ts";
import { type Attempt, choose, type Tried, type Verdict } from "../mutant.ts";
import { type Notices, withSimulation } from "../simulation.ts";
import { SWITCH } from "./instrument.ts";
import {
  copyFunctions,
  type CoreMutant,
  findUnitTests,
  makeWorkspace,
  withMutant,
  type Workspace,
} from "./workspace.ts";

/** In a copy of the project. */
export const PRELOAD = "tests/mutation/core/preload.ts";

export async function tryCore(attempt: Attempt): Promise<Tried> {
  const folder = await Deno.makeTempDir({ prefix: "acontext-mutation-" });
  return await cleanedUp(
    () => tryAll(folder, attempt),
    () => Deno.remove(folder, { recursive: true }),
  );
}

async function tryAll(folder: string, attempt: Attempt): Promise<Tried> {
  const workspace = await makeWorkspace(folder);
  const { total, chosen } = choose(
    workspace.mutants.map(({ mutant }) => mutant),
    attempt.selection,
  );
  if (!await compiles(workspace.plain, [...workspace.sources.keys()])) {
    throw new Error("Cannot judge mutants: the core does not compile");
  }
  const reached = await measureCoverage(workspace, {
    tests: await findUnitTests(workspace.switched),
    record: join(folder, "coverage.json"),
  });
  return await withSimulation(async (simulationNotices) => {
    const suites = { workspace, simulationNotices, integrationNotices: integrationSuite(attempt) };
    const verdicts: Verdict[] = [];
    for (const one of workspace.mutants.filter(({ mutant }) => chosen.has(mutant))) {
      const tests = [...reached].filter(([, ids]) => ids.has(one.id)).map(([path]) => path);
      const caughtBy = await suiteOrTime(() => firstToNotice(suites, one, tests));
      verdicts.push({ mutant: one.mutant, caughtBy });
      attempt.onVerdict({ mutant: one.mutant, caughtBy });
    }
    return { total, verdicts };
  });
}

/**
 * The ids of the mutants that each file of unit tests reaches, of those files that reach any: others build the code, or only
 * read it, which may not work in a copy.
 *
 * @throws {Error} when one fails without any mutant.
 */
export async function measureCoverage(
  { switched }: Pick<Workspace, "switched">,
  { tests, record }: { tests: readonly string[]; record: string },
): Promise<Map<string, ReadonlySet<string>>> {
  const reached = new Map<string, ReadonlySet<string>>();
  for (const path of tests) {
    await Deno.writeTextFile(record, "[]");
    const run = await outputOf(Deno.execPath(), {
      args: [
        ...["test", "--allow-all", "--no-check", "--cached-only"],
        ...["--preload", PRELOAD, path],
      ],
      cwd: switched,
      env: { MUTATION_COVERAGE: record },
    });
    const ids: string[] = JSON.parse(await Deno.readTextFile(record));
    if (ids.length === 0) continue;
    if (!run.success) {
      throw new Error(`Cannot judge mutants: ${path} fails without one\n${run.text}`);
    }
    reached.set(path, new Set(ids));
  }
  return reached;
}

interface Suites {
  workspace: Workspace;
  simulationNotices: Notices;
  integrationNotices: IntegrationNotices;
}

async function firstToNotice(
  { workspace, simulationNotices, integrationNotices }: Suites,
  { id, mutant }: CoreMutant,
  tests: readonly string[],
): Promise<string | null> {
  const run = { cwd: workspace.switched, env: { [SWITCH]: id }, preload: PRELOAD };
  const near = tests.filter((path) => isNear(path, mutant.file));
  const others = tests.filter((path) => !isNear(path, mutant.file));
  for (const paths of [near, others]) {
    if (paths.length > 0 && !(await denoTests(paths, run)).success) return "unit";
  }
  return await withMutant(workspace, mutant, async () => {
    if (!await compiles(workspace.plain, [mutant.file])) return "types";
    const folder = join(dirname(workspace.plain), `mutant_${id}`);
    await copyFunctions(workspace, folder);
    if (await simulationNotices({ folder, patches: [] })) return "simulation";
    const product = { projectDir: workspace.plain, patches: [] };
    return await integrationNotices(product) ? "integration" : null;
  });
}

/** `tests/unit/core/cleanup/…` is near what is in `core/cleanup`; a file of the same name is near everything. */
function isNear(test: string, file: string): boolean {
  return dirname(file).endsWith(dirname(test).replace(/^tests\/unit\//, "")) ||
    basename(test, ".test.ts") === basename(file, ".ts");
}

async function compiles(folder: string, files: readonly string[]): Promise<boolean> {
  const { success } = await outputOf(Deno.execPath(), {
    args: ["check", "--quiet", "supabase/functions/_acontext_sessions/wiring.ts", ...files],
    cwd: folder,
  });
  return success;
}
