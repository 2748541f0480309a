/** An Acontext that takes a given time for each call. @module */

import type { World } from "../../tests/integration/support/world.ts";
import { median } from "../statistics.ts";

const CALLS = 15;

/**
 * Lets each call of Acontext take `latency` ms, as a caller sees it who makes one call at a time, while `work` runs. Timers
 * know whole milliseconds only, so `lone` says how long such a call really takes.
 */
export async function withLatency<Result>(
  world: World,
  latency: number,
  work: (lone: number) => Promise<Result>,
): Promise<Result> {
  let delay = latency;
  for (let tries = 0; latency > 0 && tries < 2; tries++) {
    const lone = await withDelay(world, delay, () => loneCall(world));
    delay = Math.max(0, delay - Math.round(lone - latency));
  }
  return await withDelay(world, delay, async () => await work(await loneCall(world)));
}

function withDelay<Result>(
  { remote }: World,
  ms: number,
  work: () => Promise<Result>,
): Promise<Result> {
  return ms === 0
    ? work()
    : remote.withFaults([{ route: "*", fault: { kind: "delay", ms } }], work);
}

/** The median of some deletes of nothing, one after the other, in milliseconds. */
async function loneCall({ info: { acontext } }: World): Promise<number> {
  const samples: number[] = [];
  for (let call = 0; call < CALLS; call++) {
    const started = performance.now();
    const response = await fetch(`${acontext.baseUrl}/disk/${crypto.randomUUID()}`, {
      method: "DELETE",
      headers: { authorization: `Bearer ${acontext.apiKey}` },
    });
    await response.text();
    samples.push(performance.now() - started);
  }
  return median(samples);
}
