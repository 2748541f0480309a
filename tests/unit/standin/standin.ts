/** Helpers for the tests of the Acontext stand-in. @module */

import type { StandInOptions } from "../../../local/acontext/options.ts";
import { type AcontextStandIn, createAcontextStandIn } from "../../../local/acontext/standin.ts";

export const KEY = "sk-ac-unit";
const BASE = "http://acontext.test/api/v1";

export function request(method: string, path: string, init: { json?: unknown } = {}): Request {
  return new Request(`${BASE}${path}`, {
    method,
    headers: { authorization: `Bearer ${KEY}`, "content-type": "application/json" },
    ...(init.json === undefined ? {} : { body: JSON.stringify(init.json) }),
  });
}

/** Runs a test with a stand-in in memory. */
export async function withStandIn(
  test: (standIn: AcontextStandIn) => Promise<void>,
  options: Partial<StandInOptions> = {},
): Promise<void> {
  const standIn = createAcontextStandIn({ stateFile: ":memory:", apiKey: KEY, ...options });
  try {
    await test(standIn);
  } finally {
    standIn.close();
  }
}

/** Makes a session with this id. */
export async function addSession(standIn: AcontextStandIn, id: string): Promise<void> {
  await standIn.fetch(request("POST", "/session", { json: { use_uuid: id } }));
}
