import { assert, assertEquals } from "@std/assert/mod.js";
import { delay } from "@std/async/delay.js";
import { createSeededRandom } from "../../local/acontext/fault_rules.ts";
import { eventually } from "../support/eventually.ts";
import { type Chaos, chaosTest, chooseSeed, slowDeletes, startClients, WORKERS } from "./chaos.ts";

const KILLS = 50;
const SLOW_MS = 100;
const BATCH = 200;
const FUNCTION = "cleanup-sessions";

/** Kills one of four workers at a random moment, while the others work on. */
async function killOne({ stack }: Chaos, random: () => number): Promise<void> {
  const pids = await eventually("all workers listen", () => {
    const listening = stack.functionPids(FUNCTION);
    return listening.length === WORKERS && listening;
  }, 30_000);
  // The moment is what is random; nothing is waited for.
  await delay(random() * 2 * SLOW_MS);
  const victim = pids[Math.floor(random() * pids.length)] ?? 0;
  Deno.kill(victim, "SIGKILL");
  await eventually("it is dead", () => !stack.functionPids(FUNCTION).includes(victim));
}

chaosTest("workers that are killed 50 times midway leak nothing", async (chaos) => {
  const { world } = chaos;
  const seed = chooseSeed();
  console.log(`CHAOS_SEED=${seed}`);
  const random = createSeededRandom(seed);
  await world.database.configure({ concurrency: 1 });
  await world.database.silenceJobs();
  const started = performance.now();
  await world.remote.control.setFaults(slowDeletes(SLOW_MS));

  let kills = 0;
  let nights = 0;
  while (kills < KILLS) {
    if (await world.database.rowCount() < BATCH / 2) await chaos.addExpired(BATCH);
    // Small runs: a worker dies while it claims, deletes, settles and ends.
    const clients = startClients(world, { limit: 4 });
    try {
      for (let kill = 0; kill < 10 && kills < KILLS; kill++) {
        await killOne(chaos, random);
        kills += 1;
        await chaos.assertNoLeak();
      }
    } finally {
      await clients.stop();
    }
    await chaos.passLongTime();
    nights += 1;
  }
  const killedMs = Math.round(performance.now() - started);
  await world.remote.control.clearFaults();

  const runs = await world.database.runs();
  const broken = runs.filter(({ status }) => status === "running").length;
  assert(broken >= KILLS / 4, `only ${broken} kills hit a run`);
  for (let round = 0; (await world.database.queue()).length > 0 || round === 0; round++) {
    assert(round < 5, "it does not end");
    await world.database.makeDue();
    await world.swept({ force: true });
  }
  await chaos.assertNoOverlap();
  await chaos.assertAllGone();
  const receipts = await world.database.receipts();
  assertEquals(receipts.filter(({ session_proof: proof }) => proof === "unproven"), []);
  const absent = receipts.filter((receipt) =>
    receipt.session_proof === "absent" || receipt.disk_proof === "absent"
  ).length;
  console.log(
    `${kills} kills in ${killedMs} ms and ${nights} rounds, ${broken} of ${runs.length} runs died, ` +
      `${receipts.length} receipts, ${absent} finished by another worker after a remote delete`,
  );
});
