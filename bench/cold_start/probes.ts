/** A first request for each function, none of them a mere refusal. @module */

import type { World } from "../../tests/integration/support/world.ts";
import type { Probe } from "./boot.ts";

/** By the function's name. */
export async function makeProbes(world: World): Promise<Record<string, Probe> & { empty: Probe }> {
  const user = await world.newAnonymousUser();
  const { id } = await world.created(user);
  const asUser = world.bearer(user);
  const asOperator = { apikey: world.info.secretKey, "content-type": "application/json" };
  return {
    empty: { method: "GET", path: "", headers: {}, expected: 200 },
    "create-session": {
      method: "POST",
      path: "",
      headers: { ...asUser, "content-type": "application/json" },
      body: "{}",
      expected: 201,
    },
    "delete-session": {
      method: "DELETE",
      path: `/${crypto.randomUUID()}`,
      headers: asUser,
      // Without the session there is nothing that a second request could not do as well.
      expected: 404,
    },
    "session-messages": { method: "GET", path: `/${id}`, headers: asUser, expected: 200 },
    "session-files": { method: "GET", path: `/${id}`, headers: asUser, expected: 200 },
    "session-health": { method: "GET", path: "", headers: asOperator, expected: 200 },
    "cleanup-sessions": {
      method: "POST",
      path: "",
      headers: asOperator,
      body: JSON.stringify({ dryRun: true }),
      expected: 200,
    },
  };
}
