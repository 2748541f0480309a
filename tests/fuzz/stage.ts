/** A stack in which somebody has written, and the question what of it still works. @module */

import { join } from "@std/path/mod.js";
import { openDatabase, resetDatabase } from "../integration/support/database.ts";
import { createRemote } from "../integration/support/remote.ts";
import { readStackInfo } from "../support/stack_info.ts";
import { createSender } from "./answers.ts";
import { LONGEST_CPU_MS, readServerLog, watchBackends } from "./backends.ts";
import { createCast } from "./cast.ts";
import { createOperation } from "./operation.ts";
import { foreignChanges, onlyOf, takeSnapshot } from "./snapshots.ts";
import { createUse } from "./use.ts";

const MOST_OF_A_KIND = 5;

async function setUp() {
  const info = readStackInfo();
  const database = openDatabase(info);
  const remote = createRemote(info);
  await resetDatabase(info);
  await remote.control.reset();
  const operation = createOperation(info, { database, remote });
  await operation.reset();
  const cast = await createCast(info, database);
  const sentinels = cast.sentinels.map(({ id }) => id);
  return {
    info,
    cast,
    operation,
    database,
    ...createSender(info.apiUrl, cast),
    use: createUse(info, database),
    all: () => takeSnapshot({ database, remote }),
    /** Of those who never write. An operator's new lifetime reaches everybody. */
    kept: async () => onlyOf(await takeSnapshot({ database, remote }, ["expires_at"]), sentinels),
  };
}

export type Stage = Awaited<ReturnType<typeof setUp>>;

/** Lets `play` write, then tries everything, and answers all that is wrong. What was used is printed. */
export async function problemsAfter(
  play: (stage: Stage, found: (what: string, problems: string[]) => void) => Promise<void>,
): Promise<string[]> {
  const problems: string[] = [];
  const found = (what: string, list: string[]) =>
    problems.push(...list.map((one) => `${what}: ${one}`));
  const step = async (what: string, work: () => Promise<string[]>) => {
    found(what, await work().catch((error) => [String(error)]));
  };
  const stage = await setUp();
  const { info, database, cast, operation, use } = stage;
  const watch = watchBackends(info);
  try {
    const { length: logged } = await readServerLog(info);
    const atFirst = await stage.kept();
    await play(stage, found);

    await operation.reset();
    await operation.quiet();
    found("of the sentinels has changed", foreignChanges(atFirst, await stage.kept()));
    await step("content", () => use.missingContent(cast));
    await step("list", () => use.listAll(cast.users()));
    await step("use", () => use.useHalf(cast.users(), 0));
    await step("restamp", () => operation.restamps());
    await step("expiry", () => operation.expiresOthers());
    await step("reconcile", () => operation.reconciles());
    await step("use", () => use.useHalf(cast.users(), 1));
    await operation.configure({ deletion_grace: "1 hour" });
    await step("restore", () => use.deleteAndRestoreAll(cast.users()));
    await operation.configure({ deletion_grace: "0" });
    await step("health", () => operation.health());
    await step("failed run", () => operation.failedRuns());
    await step("purge", () => operation.purges());
    await step("end", () => operation.drains());

    await step("log", () => quotedInLogs(info.logsDir, cast.canary));

    const { grave, states, durations } = await readServerLog(info, logged);
    found("server", grave);
    const { slowest, peakKiB } = await watch.stop();
    if (slowest.ms > LONGEST_CPU_MS) {
      problems.push(`a statement took ${slowest.ms} ms of processor: ${slowest.query}`);
    }
    console.log(`The server's errors: ${listed(states)}`);
    console.log(`Slowest statement: ${slowest.ms} ms of processor: ${slowest.query}`);
    console.log(
      `A second or more by the clock: ${durations.length}. Most private memory: ${peakKiB} KiB`,
    );
    return aFewOfEach(problems).map(stage.explained);
  } finally {
    await watch.stop();
    await database.close();
  }
}

/** Our logs say nothing of what people write. The database's own quotes rows that it refuses. */
async function quotedInLogs(logsDir: string, text: string): Promise<string[]> {
  const problems: string[] = [];
  for await (const { name } of Deno.readDir(logsDir)) {
    if (name === "postgres.log") continue;
    const log = await Deno.readTextFile(join(logsDir, name));
    if (log.includes(text)) problems.push(`${name} quotes what a user wrote`);
  }
  return problems;
}

/** A few of each kind, where one fault shows at hundreds of sessions. */
function aFewOfEach(problems: string[]): string[] {
  const seen = new Map<string, number>();
  return problems.filter((problem) => {
    const kind = `${/^[^0-9({]*/.exec(problem)?.[0]} ${/"code":"\w+"/.exec(problem)?.[0]}`;
    seen.set(kind, (seen.get(kind) ?? 0) + 1);
    return (seen.get(kind) ?? 0) <= MOST_OF_A_KIND;
  });
}

/** Counts, in order. */
export function listed(counts: Map<string, number>): string {
  return [...counts].toSorted().map((pair) => pair.join(": ")).join(", ");
}
