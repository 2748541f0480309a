/**
 * Serves a function that is no part of the project the way the stack serves the project's own: the same kind of process,
 * environment and gateway. What is compared then differs in its own code alone.
 *
 * @module
 */

import { dirname, join } from "@std/path/mod.js";
import { functionEnvironment, hostAndPort } from "../../local/functions/environment.ts";
import { functionsLock } from "../../local/functions/resolution.ts";
import { type FunctionPool, startFunction } from "../../local/functions/worker.ts";
import { ROOT } from "../../local/paths.ts";
import { createFunctionsHandler } from "../../local/gateway/functions.ts";
import { loadKeys } from "../../local/keys.ts";
import { LOOPBACK } from "../../local/ports.ts";
import type { TestStack } from "../../tests/support/test_stack.ts";

/** What starts the function: in a process of its own, not behind any gateway. It has the packages of the project's functions. */
export async function prepareExtra(
  stack: TestStack,
  { name, folder }: { name: string; folder: string },
): Promise<() => FunctionPool> {
  const dataDir = dirname(stack.file);
  const keys = await loadKeys(join(dataDir, "keys.json"));
  const env = functionEnvironment({
    apiUrl: stack.apiUrl,
    databaseUrl: stack.databaseUrl,
    keys,
    acontext: stack.acontext,
    realAcontext: false,
    file: {},
    extra: { ACONTEXT_TIMEOUT_MS: "10000" },
  });
  const allowNet = [stack.apiUrl, stack.acontext.baseUrl, stack.databaseUrl].map(hostAndPort);
  return () =>
    startFunction({
      name,
      folder,
      lock: functionsLock(ROOT),
      instances: 1,
      env,
      allowNet,
      dataDir,
      log: console.error,
    });
}

/** The function behind a gateway like the stack's: its address, and its processes. */
export async function serveExtra(
  stack: TestStack,
  { name, folder }: { name: string; folder: string },
): Promise<{ url: string; pids: () => number[]; stop: () => Promise<void> }> {
  const start = await prepareExtra(stack, { name, folder });
  const pool = start();
  const gateway = createFunctionsHandler({
    routes: new Map([[name, { pool, verifyJwt: false }]]),
    keys: await loadKeys(join(dirname(stack.file), "keys.json")),
    log: console.error,
  });
  const server = Deno.serve(
    { hostname: LOOPBACK, port: 0, onListen: () => {} },
    (request) => gateway.handle(request, new URL(request.url).pathname),
  );
  await pool.booted;
  return {
    url: `http://${LOOPBACK}:${server.addr.port}/${name}`,
    pids: () => pool.pids(),
    async stop() {
      await server.shutdown();
      gateway.close();
      await pool.stop();
    },
  };
}
