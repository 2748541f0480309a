/**
 * Runs the stand-in as a process:
 * `deno run -A local/acontext/main.ts --port 54323 --state .local/acontext.db --key sk-ac-local`
 *
 * @module
 */

import { parseArgs } from "node:util";
import { serveStandIn } from "./http_server.ts";
import { createAcontextStandIn } from "./standin.ts";

async function main(): Promise<void> {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      port: { type: "string", default: "54323" },
      state: { type: "string", default: ":memory:" },
      key: { type: "string" },
    },
  });
  if (values.key === undefined) throw new Error("Cannot start: --key is missing");
  const standIn = createAcontextStandIn({ stateFile: values.state, apiKey: values.key });
  const server = await serveStandIn(standIn, Number(values.port));
  console.log(`acontext stand-in ready on ${server.origin}`);

  const stopped = Promise.withResolvers<void>();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => stopped.resolve());
  }
  await stopped.promise;
  await server.stop();
  standIn.close();
}

try {
  await main();
  Deno.exit(0); // signal listeners would keep the process alive
} catch (error) {
  console.error(`acontext stand-in: ${error instanceof Error ? error.message : error}`);
  Deno.exit(1);
}
