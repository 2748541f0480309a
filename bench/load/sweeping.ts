/** Sweeps that go on while the clients work, and the cleaning up at the end. @module */

import { delay } from "@std/async/delay.js";
import { ours } from "../../tests/integration/support/remote.ts";
import type { World } from "../../tests/integration/support/world.ts";

/** One after the other, as the schedule would start them; failed deletions are due again at once instead of minutes later. */
export async function sweepUntil(
  world: World,
  { stopped, perSecond }: { stopped: () => boolean; perSecond: number },
): Promise<{ sweeps: number; deleted: number; failed: number }> {
  const sum = { sweeps: 0, deleted: 0, failed: 0 };
  while (!stopped()) {
    const next = performance.now() + 1_000;
    await world.database.makeDue();
    const { deleted, failed } = await world.swept({ limit: perSecond, force: true });
    sum.sweeps += 1;
    sum.deleted += deleted;
    sum.failed += failed;
    while (performance.now() < next && !stopped()) await delay(50);
  }
  return sum;
}

/** More rounds would mean that it does not end. */
const MAX_ROUNDS = 20;

/**
 * Two hours from now, so that nothing is too young to be looked at: reconciles and sweeps until there is nothing to do.
 *
 * @returns what is in Acontext without an active session, and what active sessions lack there; both have to be 0
 */
export async function cleanUp(
  world: World,
): Promise<{ rounds: number; leaked: number; missing: number }> {
  const { database } = world;
  const rounds = await database.later("2 hours", async () => {
    for (let round = 1; round <= MAX_ROUNDS; round++) {
      await world.reconciled({ force: true });
      await database.makeDue();
      const { total } = await world.swept({ force: true });
      if (total === 0 && (await database.queue()).length === 0) return round;
    }
    throw new Error(`Cannot clean up: after ${MAX_ROUNDS} rounds there is still something to do`);
  });
  const rows = await database.sql<{ session: string; disk: string }[]>`
    select acontext_session_id as session, acontext_disk_id as disk from public.session_mappings
    where status = 'active'`;
  const { sessions, disks } = ours(await world.remote.audit());
  const wanted = new Set(rows.flatMap(({ session, disk }) => [session, disk]));
  const there = new Set([...sessions, ...disks]);
  return {
    rounds,
    leaked: there.difference(wanted).size,
    missing: wanted.difference(there).size,
  };
}
