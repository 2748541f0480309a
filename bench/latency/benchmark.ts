/** What a user waits for: creating a session, storing and loading messages. @module */

import { fromFileUrl, join } from "@std/path/mod.js";
import { findLeaks } from "../../tests/integration/support/remote.ts";
import { withWorld, type World } from "../../tests/integration/support/world.ts";
import { withTestStack } from "../../tests/support/test_stack.ts";
import { benchmark } from "../benchmark.ts";
import { serveExtra } from "../support/extra_function.ts";
import { startLineProcess } from "../support/line_process.ts";
import { createPartClock } from "../support/stack_processes.ts";
import { makeNaiveTable, measureCreates } from "./creates.ts";
import { measureMessages } from "./messages.ts";
import { type Plan, PLANS } from "./plan.ts";
import { headlines, report } from "./report.ts";
import { type LatencyResult, resultSchema } from "./result.ts";

const NAIVE = {
  name: "create-session-naive",
  folder: join(fromFileUrl(new URL("./naive", import.meta.url)), "create-session-naive"),
};

export const latency = benchmark({
  name: "latency",
  title: "Latency of sessions and messages",
  schema: resultSchema,
  report,
  headlines,
  async run({ scale, log }) {
    const plan = PLANS[scale];
    const results: LatencyResult[] = [];
    await withTestStack({ env: { ACONTEXT_TIMEOUT_MS: "10000" } }, async (stack) => {
      await makeNaiveTable(stack.adminDatabaseUrl);
      const naive = await serveExtra(stack, NAIVE);
      const clients = startLineProcess("bench/latency/clients.ts");
      try {
        const pids = () => [...stack.functionNames.flatMap(stack.functionPids), ...naive.pids()];
        const clock = createPartClock({ clients: clients.pid, functions: pids });
        const meter = { clients, clock, rounds: plan.rounds, sent: new Map<string, number>() };
        await withWorld(stack.info, async (world) => {
          const most = Math.max(...[...plan.creates, ...plan.messages].map((s) => s.clients));
          const users = await Promise.all(
            Array.from({ length: most }, () => world.newAnonymousUser()),
          );
          const context = { plan, meter, users, log };
          const creates = await measureCreates(world, { ...context, naiveUrl: naive.url });
          const messages = await measureMessages(world, context);
          await verify(world, plan, meter.sent);
          const cores = navigator.hardwareConcurrency;
          results.push({ cores, creates, messages, loadedMessages: plan.loadedMessages });
        });
      } finally {
        await clients.stop();
        await naive.stop();
      }
    });
    const [result] = results;
    if (result === undefined) throw new Error("Cannot measure: nothing was measured");
    return result;
  },
});

/** What was answered as done has to be there, once. */
async function verify(
  { database, remote }: World,
  plan: Plan,
  sent: ReadonlyMap<string, number>,
): Promise<void> {
  const count = (name: string) => sent.get(name) ?? 0;
  const [rows] = await database.sql<{ ours: number; naive: number }[]>`
    select (select count(*)::integer from public.session_mappings where status = 'active') as ours,
      (select count(*)::integer from public.naive_sessions) as naive`;
  const audit = await remote.audit();
  const prepared = plan.messages.reduce((sum, { clients }) => sum + clients, 0);
  const found = {
    ours: rows?.ours,
    naive: rows?.naive,
    messages: audit.sessions.reduce((sum, { messages }) => sum + messages, 0),
    leaks: (await findLeaks(database, remote)).length,
  };
  const expected = {
    ours: count("ours") + 4 * prepared,
    naive: count("naive"),
    messages: count("directStore") + count("store") + count("storeOnce") +
      prepared * plan.loadedMessages,
    leaks: 0,
  };
  if (JSON.stringify(found) !== JSON.stringify(expected)) {
    throw new Error(
      `Cannot trust the measurement: found ${JSON.stringify(found)}, not ${
        JSON.stringify(expected)
      }`,
    );
  }
}
