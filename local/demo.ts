/**
 * `npm run demo`: the main job, end to end, as a story. Sessions are made, used, deleted and left to expire; the scheduled job
 * cleans up, meets a failure and retries; then Acontext is compared with the database.
 *
 * Uses the stack of `npm start` when it runs with the Acontext stand-in, else one of its own. Exit code 1 when anything
 * leaked or the story could not be told to its end.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { createControlClient } from "./acontext/control.ts";
import { audit } from "./demo/audit.ts";
import { openDatabase } from "./demo/database.ts";
import { play } from "./demo/story.ts";
import { withOwnStack } from "./own_stack.ts";
import { ROOT } from "./paths.ts";
import { findRunningStack } from "./stack_file.ts";
import { withStopSignal } from "./until_stopped.ts";

/** What the demo needs of a stack. */
export interface DemoStack {
  apiUrl: string;
  databaseUrl: string;
  publishableKey: string;
  secretKey: string;
  acontext: { baseUrl: string; apiKey: string; controlUrl: string };
}

/** Plays the story on a running stack, prints it and answers whether it went well and nothing leaked. */
async function demo(stack: DemoStack, signal: AbortSignal): Promise<boolean> {
  const database = openDatabase(stack.databaseUrl);
  const control = createControlClient(stack.acontext.controlUrl);
  const made: string[] = [];
  let complete = true;
  try {
    await play({ stack, database, control, say: console.log, signal }, made).catch((error) => {
      signal.throwIfAborted();
      complete = false;
      console.log(`   ${error instanceof Error ? error.message : error}`);
    });
    const found = await audit({ ids: made, database, control });
    for (const line of found.findings) console.log(`   LEAKED: ${line}`);
    console.log(
      `demo: created ${made.length}, expired ${found.expired}, deleted ${found.deleted}, ` +
        `retried ${found.retried}, leaked ${found.findings.length}`,
    );
    return complete && found.findings.length === 0;
  } finally {
    await database.close();
  }
}

function withStandIn<S extends { acontext: { controlUrl: string | null } }>(stack: S) {
  const { controlUrl } = stack.acontext;
  if (controlUrl === null) throw new Error("Cannot play the demo: the stack uses a real Acontext");
  return { ...stack, acontext: { ...stack.acontext, controlUrl } };
}

async function main(signal: AbortSignal): Promise<boolean> {
  const { values } = parseArgs({
    args: Deno.args,
    options: { project: { type: "string" } },
  });
  const running = values.project === undefined ? await findRunningStack() : null;
  // The demo makes Acontext fail, which only the stand-in allows.
  if (running !== null && running.acontext.controlUrl !== null) {
    console.log(`Using the running stack at ${running.apiUrl}\n`);
    return await demo(withStandIn(running), signal);
  }
  console.log("Starting a stack of its own …\n");
  const projectDir = values.project ?? ROOT;
  return await withOwnStack(
    { name: "demo", projectDir, signal },
    (stack) => demo(withStandIn(stack), signal),
  );
}

if (import.meta.main) {
  try {
    Deno.exit(await withStopSignal(main) ? 0 : 1);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
}
