/** Messages through session-messages against the same requests straight to Acontext. @module */

import type { World } from "../../tests/integration/support/world.ts";
import type { TestUser } from "../../tests/integration/support/users.ts";
import type { ClientRequest } from "./jobs.ts";
import type { Plan } from "./plan.ts";
import { MESSAGE, straight, throughFunction } from "./requests.ts";
import type { LatencyResult } from "./result.ts";
import { inTurns, type Meter } from "./rounds.ts";

/** What one client sends. Each way stores into a session of its own, so that all grow alike. */
type Ways = Record<"directStore" | "store" | "storeOnce" | "directLoad" | "load", ClientRequest>;

export async function measureMessages(
  world: World,
  { plan, meter, users, log }: {
    plan: Plan;
    meter: Meter;
    users: TestUser[];
    log: (line: string) => void;
  },
): Promise<LatencyResult["messages"]> {
  const { remote } = world;
  const results: LatencyResult["messages"] = [];
  for (const setting of plan.messages) {
    const { delayMs, clients, everyMs } = setting;
    log(
      `messages: ${clients} clients${
        everyMs === null ? "" : `, one request in ${everyMs} ms each`
      }, ` +
        `Acontext takes ${delayMs} ms`,
    );
    await remote.control.clearFaults();
    const ways = await Promise.all(
      users.slice(0, clients).map((user) => prepare(world, user, plan.loadedMessages)),
    );
    await remote.control.setFaults([{ route: "*", fault: { kind: "delay", ms: delayMs } }]);
    const job = (name: keyof Ways, expected: number) => ({
      clients: ways.map((way) => way[name]),
      requests: plan.requestsOf(setting),
      expected,
      everyMs,
    });
    const way = await inTurns(meter, {
      directStore: job("directStore", 201),
      store: job("store", 201),
      storeOnce: job("storeOnce", 201),
      directLoad: job("directLoad", 200),
      load: job("load", 200),
    });
    results.push({
      ...setting,
      directStore: way("directStore"),
      store: way("store"),
      storeOnce: way("storeOnce"),
      directLoad: way("directLoad"),
      load: way("load"),
    });
  }
  await remote.control.clearFaults();
  return results;
}

/** Four sessions of one user, and what is sent to them. */
async function prepare(world: World, user: TestUser, loadedMessages: number): Promise<Ways> {
  const { info } = world;
  const through = async () =>
    throughFunction(info, { token: user.token, id: (await world.created(user)).id });
  const direct = straight(info, (await world.created(user)).id);
  const { store } = await through();
  const { storeOnce } = await through();
  const read = await world.created(user);
  const { store: fill, load: directLoad } = straight(info, read.id);
  for (let i = 0; i < loadedMessages; i++) {
    const { status, body } = await fetch(fill.url, fill);
    await body?.cancel();
    if (status !== 201) {
      throw new Error(`Cannot fill a session with ${MESSAGE.role}: ${status}`);
    }
  }
  const { load } = throughFunction(info, { token: user.token, id: read.id });
  return { directStore: direct.store, store, storeOnce, directLoad, load };
}
