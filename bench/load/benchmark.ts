/** Many clients at once, a sweep beside them, and an Acontext that misbehaves. @module */

import { createInBulk } from "../../tests/integration/support/bulk.ts";
import { withWorld, type World } from "../../tests/integration/support/world.ts";
import { withTestStack } from "../../tests/support/test_stack.ts";
import { benchmark } from "../benchmark.ts";
import { startLineProcess } from "../support/line_process.ts";
import { ask, loadFor, type LoadParts } from "./day.ts";
import { BAD_DAY, DELAY_MS, GOOD_DAY } from "./faults.ts";
import { headlines, report } from "./report.ts";
import { type LoadResult, resultSchema } from "./result.ts";
import { cleanUp } from "./sweeping.ts";

interface Plan {
  clients: number;
  /** Of the good day, and of the bad one. */
  seconds: number;
  /** Expired sessions that a sweep takes up each second. */
  perSecond: number;
  /** The client package's own default is 30 seconds. */
  maxRetryAfter: number;
}

const PLANS = {
  full: { clients: 32, seconds: 60, perSecond: 75, maxRetryAfter: 30 },
  quick: { clients: 8, seconds: 3, perSecond: 50, maxRetryAfter: 1 },
} satisfies Record<string, Plan>;

export const load = benchmark({
  name: "load",
  title: "Under load, and when Acontext misbehaves",
  schema: resultSchema,
  report,
  headlines,
  async run({ scale, log }) {
    const results: LoadResult[] = [];
    // As on the platform: Acontext gets its ten seconds.
    await withTestStack(
      { env: { ACONTEXT_TIMEOUT_MS: "10000" } },
      (stack) =>
        withWorld(stack.info, async (world) => {
          const clients = startLineProcess("bench/load/clients.ts");
          try {
            const functions = Object.fromEntries(
              stack.functionNames.map((name) => [name, () => stack.functionPids(name)]),
            );
            const parts = { world, clients, functions };
            results.push(await run(parts, { ...PLANS[scale], log }));
          } finally {
            await clients.stop();
          }
        }),
    );
    const [result] = results;
    if (result === undefined) throw new Error("Cannot measure: nothing was measured");
    demandTruth(result);
    return result;
  },
});

async function run(
  parts: LoadParts,
  { clients: count, seconds, perSecond, maxRetryAfter, log }: Plan & {
    log: (line: string) => void;
  },
): Promise<LoadResult> {
  const { world, clients } = parts;
  // Enough that the sweep is never done before the clients are.
  const backlog = 2 * perSecond * (seconds + 5);
  log(`${backlog} expired sessions, ${count} clients`);
  await createInBulk(world, { count: backlog, daysAgo: 31 });
  // All sessions there are expire at once: with its default the expiry limit would rightly hold them back.
  await world.database.configure({ max_expiry_fraction: 1 });
  await world.database.silenceJobs();
  await ask(clients, { do: "sign in", maxRetryAfter, ...await signIn(world, count) });

  log(`a good day: ${seconds} s`);
  const good = await loadFor(parts, { seconds, rules: GOOD_DAY, perSecond });
  log(`a bad day: ${seconds} s`);
  const bad = await loadFor(parts, { seconds, rules: BAD_DAY, perSecond });

  log("the end: looking at everything");
  const { wrong } = await ask(clients, { do: "check" });
  const { rounds, leaked, missing } = await cleanUp(world);
  // If cleaning up harmed a session that was to be kept, it shows here.
  const after = await ask(clients, { do: "check" });
  const receipts = await world.database.receipts();
  const expired = receipts.filter(({ reason }) => reason === "expired").length;
  return {
    clients: count,
    backlog,
    delayMs: DELAY_MS,
    good,
    bad,
    end: { wrong: [...wrong, ...after.wrong], rounds, leaked, missing, expired },
  };
}

async function signIn({ info, newAnonymousUser }: World, count: number) {
  const users = await Promise.all(Array.from({ length: count }, () => newAnonymousUser()));
  const { apiUrl, publishableKey } = info;
  return { apiUrl, publishableKey, tokens: users.map(({ token }) => token) };
}

/** Speed may vary; this may not. */
function demandTruth({ good, bad, end, backlog }: LoadResult): void {
  const failed = Object.values(bad.failedRequests).reduce((sum, times) => sum + times, 0);
  const injected = bad.injected.reduce((sum, { times }) => sum + times, 0);
  const problems = [
    ...good.wrong.map((what) => `good day: ${what}`),
    ...Object.keys(good.failedRequests).map((code) => `good day: a request failed: ${code}`),
    ...bad.wrong.map((what) => `bad day: ${what}`),
    ...(failed > injected ? ["more failures than faults"] : []),
    ...end.wrong.map((what) => `end: ${what}`),
    ...(end.leaked > 0 ? [`${end.leaked} leaked`] : []),
    ...(end.missing > 0 ? [`${end.missing} missing`] : []),
    ...(end.expired !== backlog ? [`${end.expired} receipts for ${backlog} expired`] : []),
  ];
  if (problems.length > 0) {
    throw new Error(`Cannot trust the load: ${[...new Set(problems)].join("; ")}`);
  }
}
