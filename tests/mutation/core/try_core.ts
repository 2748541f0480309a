/**
 * Tries the mutants of the core: the unit tests that reach them, nearest first, then the compiler, the simulation, and the
 * integration suite.
 *
 * @module
 */

import { basename, dirname, join } from "@std/path/mod.js";
import { denoTests, outputOf, succeeds, suiteOrTime } from "../command.ts";
import { integrationSuite, type Product } from "../integration.ts";
import { cleanedUp } from "../interrupted.ts";
import { choose, type Selection, type Tried, type Verdict } from "../mutant.ts";
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

/** Others build the code, or only read it. */
const IMPORTS_CODE = /from "[^"]*supabase\/functions\//;
const RECORDER = "tests/mutation/core/record_coverage.ts";

export async function tryCore(
  selection: Selection,
  onVerdict: (verdict: Verdict) => void,
): Promise<Tried> {
  const folder = await Deno.makeTempDir({ prefix: "acontext-mutation-" });
  return await cleanedUp(
    () => tryAll(folder, selection, onVerdict),
    () => Deno.remove(folder, { recursive: true }),
  );
}

async function tryAll(
  folder: string,
  selection: Selection,
  onVerdict: (verdict: Verdict) => void,
): Promise<Tried> {
  const workspace = await makeWorkspace(folder);
  const { total, chosen } = choose(workspace.mutants.map(({ mutant }) => mutant), selection);
  if (!await compiles(workspace.plain, [...workspace.sources.keys()])) {
    throw new Error("Cannot judge mutants: the core does not compile");
  }
  const reached = await measureCoverage(workspace, join(folder, "coverage.json"));
  return await withSimulation(async (simulationNotices) => {
    const suites = { workspace, simulationNotices, integrationNotices: integrationSuite() };
    const verdicts: Verdict[] = [];
    for (const one of workspace.mutants.filter(({ mutant }) => chosen.has(mutant))) {
      const tests = [...reached].filter(([, ids]) => ids.has(one.id)).map(([path]) => path);
      const caughtBy = await suiteOrTime(() => firstToNotice(suites, one, tests));
      verdicts.push({ mutant: one.mutant, caughtBy });
      onVerdict({ mutant: one.mutant, caughtBy });
    }
    return { total, verdicts };
  });
}

/**
 * The ids of the mutants that each file of unit tests reaches.
 *
 * @throws {Error} when one fails without any mutant.
 */
async function measureCoverage(
  { switched }: Workspace,
  record: string,
): Promise<Map<string, ReadonlySet<string>>> {
  const reached = new Map<string, ReadonlySet<string>>();
  for (const path of await findUnitTests(switched)) {
    const text = await Deno.readTextFile(join(switched, path));
    if (!IMPORTS_CODE.test(text)) continue;
    await Deno.writeTextFile(record, "[]");
    const run = await outputOf(Deno.execPath(), {
      args: [
        ...["test", "--allow-all", "--no-check", "--cached-only"],
        ...["--preload", RECORDER, path],
      ],
      cwd: switched,
      env: { MUTATION_COVERAGE: record },
    });
    if (!run.success) {
      throw new Error(`Cannot judge mutants: ${path} fails without one\n${run.text}`);
    }
    const ids: string[] = JSON.parse(await Deno.readTextFile(record));
    if (ids.length > 0) reached.set(path, new Set(ids));
  }
  return reached;
}

interface Suites {
  workspace: Workspace;
  simulationNotices: Notices;
  integrationNotices: (product: Product) => Promise<boolean>;
}

async function firstToNotice(
  { workspace, simulationNotices, integrationNotices }: Suites,
  { id, mutant }: CoreMutant,
  tests: readonly string[],
): Promise<string | null> {
  const run = { cwd: workspace.switched, env: { [SWITCH]: id } };
  const near = tests.filter((path) => isNear(path, mutant.file));
  const others = tests.filter((path) => !isNear(path, mutant.file));
  for (const paths of [near, others]) {
    if (paths.length > 0 && !await denoTests(paths, run)) return "unit";
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

function compiles(folder: string, files: readonly string[]): Promise<boolean> {
  return succeeds(Deno.execPath(), {
    args: ["check", "--quiet", "supabase/functions/_acontext_sessions/wiring.ts", ...files],
    cwd: folder,
  });
}
