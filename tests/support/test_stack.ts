/**
 * A throwaway stack for tests: free ports, a temporary directory, nothing left behind.
 *
 * @module
 */

import { join } from "@std/path/mod.js";
import postgres from "postgres";
import { z } from "zod";
import { type Stack, startStack } from "../../local/stack.ts";
import { buildFunctions } from "../../tools/bundle/project.ts";
import { cleanedUp } from "./cleaned_up.ts";
import type { StackInfo } from "./stack_info.ts";
import { liftUserLimits } from "./user_limits.ts";

export interface TestStackOptions {
  /** `debian`: PostgreSQL 15 with the real pg_cron. */
  postgres?: "embedded" | "debian";
  /** `bundles`: what is deployed, built for this stack. Default: `sources`. */
  functions?: "sources" | "bundles";
  /** The folder with `supabase/`. Default: this project. */
  projectDir?: string;
  /** Further environment of the functions. */
  env?: Record<string, string>;
  /** Processes per function. */
  instances?: Record<string, number>;
  /** `default`: what one user may have and do is bounded as in a new project. Default: `off`. */
  userLimits?: "off" | "default";
  /** Settings of the PostgreSQL server, and the memory of its processes. */
  server?: { settings?: Record<string, string>; memoryKiB?: number };
}

export interface TestStack extends Stack {
  info: StackInfo;
  /** Holds `info`: the value of `TEST_STACK_FILE` for a process that runs tests. */
  file: string;
}

/** Short enough for tests that wait for them, long enough for a busy machine. */
const ENV = {
  ACONTEXT_TIMEOUT_MS: "2000",
  ACONTEXT_DELETE_TIMEOUT_MS: "2000",
  WORKER_LIFETIME_MS: "60000",
  CLEANUP_TIME_BUDGET_MS: "30000",
};

const keyFile = z.object({ signingKey: z.looseObject({ kty: z.string(), kid: z.string() }) });

/** Runs `use` with a stack of its own. `TEST_KEEP_DATA=1` leaves its logs and data, and says where. */
export async function withTestStack<T>(
  options: TestStackOptions,
  use: (stack: TestStack) => Promise<T>,
): Promise<T> {
  const { functions = "sources", env = {}, userLimits = "off", ...rest } = options;
  const kind = options.postgres ?? "embedded";
  const dataDir = await Deno.makeTempDir({ prefix: "acontext-sessions-test-" });
  let stack: Stack | undefined;
  return await cleanedUp(async () => {
    const functionsDir = join(dataDir, "bundles");
    if (functions === "bundles") await buildFunctions(functionsDir);
    stack = await startStack({
      dataDir,
      ...(functions === "bundles" ? { functionsDir } : {}),
      ports: "free",
      env: { ...ENV, ...env },
      ...rest,
    });
    if (userLimits === "off") await liftLimits(stack.databaseUrl);
    const info = await describe(stack, { dataDir, postgres: kind });
    const file = join(dataDir, "test-stack.json");
    await Deno.writeTextFile(file, JSON.stringify(info), { mode: 0o600 });
    return await use({ ...stack, info, file });
  }, async () => {
    await stack?.stop();
    if (Deno.env.get("TEST_KEEP_DATA") === "1") console.error(`Data and logs: ${dataDir}`);
    else await Deno.remove(dataDir, { recursive: true });
  });
}

async function liftLimits(databaseUrl: string): Promise<void> {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} });
  try {
    await liftUserLimits(sql);
  } finally {
    await sql.end({ timeout: 1 });
  }
}

async function describe(
  stack: Stack,
  { dataDir, postgres }: { dataDir: string; postgres: StackInfo["postgres"] },
): Promise<StackInfo> {
  const { baseUrl, apiKey, controlUrl } = stack.acontext;
  if (controlUrl === null) throw new Error("Cannot test: the stack has no Acontext stand-in");
  const { signingKey } = keyFile.parse(
    JSON.parse(await Deno.readTextFile(join(dataDir, "keys.json"))),
  );
  return {
    apiUrl: stack.apiUrl,
    publishableKey: stack.publishableKey,
    secretKey: stack.secretKey,
    databaseUrl: stack.databaseUrl,
    adminDatabaseUrl: stack.adminDatabaseUrl,
    acontext: { baseUrl, apiKey, controlUrl },
    signingKey,
    postgres,
    logsDir: join(dataDir, "logs"),
  };
}
