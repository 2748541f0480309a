/**
 * One suite, two servers: the stand-in, started afresh for each test, or a real Acontext when `ACONTEXT_CONTRACT_URL`
 * and `ACONTEXT_CONTRACT_KEY` are set. Whatever a test makes there is removed afterwards, also when it fails.
 *
 * @module
 */

import type { Control } from "../../local/acontext/control.ts";
import { serveStandIn } from "../../local/acontext/http_server.ts";
import { createAcontextStandIn } from "../../local/acontext/standin.ts";
import { type Api, createApi } from "./api.ts";

const REAL_URL = Deno.env.get("ACONTEXT_CONTRACT_URL");
const REAL_KEY = Deno.env.get("ACONTEXT_CONTRACT_KEY");
const IS_REAL = REAL_URL !== undefined && REAL_KEY !== undefined;
const STAND_IN_KEY = "sk-ac-contract";
const OTHER_KEY = "sk-ac-other";

export interface StandInApi extends Api {
  control: Control;
  /** The same server with the key of another project. */
  other: Api;
  /** Lets time pass for the server, and nobody else. */
  advance(ms: number): void;
}

/** Tests a fact of the wire against whichever server is chosen. */
export function contractTest(name: string, test: (api: Api) => Promise<void>): void {
  Deno.test(name, async () => {
    if (!IS_REAL) return await withStandIn(test);
    const api = createApi({ baseUrl: REAL_URL.replace(/\/$/, ""), apiKey: REAL_KEY });
    try {
      await test(api);
    } finally {
      await api.cleanUp();
    }
  });
}

/** Tests a fact that only the control interface can bring about; left out against a real server. */
export function standInTest(name: string, test: (api: StandInApi) => Promise<void>): void {
  Deno.test({ name, ignore: IS_REAL, fn: () => withStandIn(test) });
}

async function withStandIn(test: (api: StandInApi) => Promise<void>): Promise<void> {
  let passed = 0;
  const standIn = createAcontextStandIn({
    stateFile: ":memory:",
    apiKey: STAND_IN_KEY,
    now: () => performance.timeOrigin + performance.now() + passed,
  });
  const server = await serveStandIn(standIn, 0);
  const baseUrl = `${server.origin}/api/v1`;
  standIn.control.createProject(OTHER_KEY);
  try {
    await test({
      ...createApi({ baseUrl, apiKey: STAND_IN_KEY }),
      slowDown: () => standIn.control.setStorage({ latencyMs: 3 }),
      control: standIn.control,
      other: createApi({ baseUrl, apiKey: OTHER_KEY }),
      advance: (ms) => void (passed += ms),
    });
  } finally {
    await server.stop();
    standIn.close();
  }
}
