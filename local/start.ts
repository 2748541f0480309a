/**
 * `npm start`: runs the local stack until Ctrl-C.
 *
 *     npm start [-- --reset] [-- --free-ports]
 *
 * @module
 */

import { parseArgs } from "node:util";
import { join } from "@std/path/mod.js";
import { readEnvFile } from "./functions/environment.ts";
import { ROOT } from "./paths.ts";
import { type Stack, startStack } from "./stack.ts";
import { announceStack, DATA_DIR, withdrawStack } from "./stack_file.ts";
import { onStopRequest } from "./until_stopped.ts";

const DEFAULT_ACONTEXT_URL = "https://api.acontext.app/api/v1";
const DEMO_EMAIL = "demo@example.com";
/** Longer than the platform's hour: it is there to be pasted. */
const DEMO_TOKEN_SECONDS = 12 * 3_600;

const HELP = `npm start                     runs the local stack until Ctrl-C
npm start -- --reset          forgets all local data first
npm start -- --free-ports     takes free ports instead of 54321, 54322 and 54323`;

/** The real Acontext, when the environment or `supabase/functions/.env` has its key. */
async function realAcontext(): Promise<{ baseUrl: string; apiKey: string } | null> {
  const file = await readEnvFile(ROOT);
  const apiKey = Deno.env.get("ACONTEXT_API_KEY") ?? file["ACONTEXT_API_KEY"];
  if (apiKey === undefined || apiKey === "") return null;
  const baseUrl = Deno.env.get("ACONTEXT_BASE_URL") ?? file["ACONTEXT_BASE_URL"];
  return { apiKey, baseUrl: baseUrl ?? DEFAULT_ACONTEXT_URL };
}

async function describe(stack: Stack, seconds: string): Promise<string> {
  const user = await stack.ensureUser({
    email: DEMO_EMAIL,
    password: stack.demoPassword,
    tokenLifetime: DEMO_TOKEN_SECONDS,
  });
  const functions = `${stack.apiUrl}/functions/v1`;
  const id = crypto.randomUUID();
  const bearer = `-H 'Authorization: Bearer ${user.accessToken}'`;
  const json = `-H 'Content-Type: application/json'`;
  const acontext = stack.acontext.controlUrl === null
    ? `${stack.acontext.baseUrl} (the real one)`
    : `${stack.acontext.baseUrl} (stand-in, what it holds: ${stack.acontext.controlUrl}/audit)`;

  return `
Ready in ${seconds} s.

  API               ${stack.apiUrl}
  publishable key   ${stack.publishableKey}
  secret key        ${stack.secretKey}
  database          ${stack.databaseUrl}
  Acontext          ${acontext}
  functions         ${stack.functionNames.join(", ") || "none yet"}
  logs              ${join(DATA_DIR, "logs")}

  user              ${DEMO_EMAIL}, password ${stack.demoPassword}
  user token        ${user.accessToken}

Create a session, delete it, run the cleanup:

curl -sS -X POST ${functions}/create-session ${bearer} ${json} -d '{"id":"${id}","title":"My first session"}'

curl -sS -X DELETE ${functions}/delete-session/${id} ${bearer}

curl -sS -X POST ${functions}/cleanup-sessions -H 'apikey: ${stack.secretKey}' ${json} -d '{}'

Ctrl-C stops everything.`;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      reset: { type: "boolean", default: false },
      "free-ports": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }

  const began = performance.now();
  const stopRequest = new AbortController();
  const stopped = Promise.withResolvers<void>();
  onStopRequest(() => {
    console.log("\nStopping …");
    stopRequest.abort();
    stopped.resolve();
  }, () => Deno.exit(130));

  const acontext = await realAcontext();
  let stack: Stack;
  try {
    stack = await startStack({
      dataDir: DATA_DIR,
      ports: values["free-ports"] ? "free" : "default",
      reset: values.reset,
      signal: stopRequest.signal,
      envFile: true,
      durable: true,
      log: (line) => console.log(line),
      ...(acontext === null ? {} : { acontext }),
    });
  } catch (error) {
    if (stopRequest.signal.aborted) return 0;
    throw error;
  }

  try {
    await announceStack(stack);
    console.log(await describe(stack, ((performance.now() - began) / 1_000).toFixed(1)));
    await stopped.promise;
  } finally {
    await withdrawStack();
    await stack.stop();
  }
  console.log("Stopped.");
  return 0;
}

if (import.meta.main) {
  try {
    Deno.exit(await main());
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
}
