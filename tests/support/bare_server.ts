/** A throwaway PostgreSQL server as the stack's, and nothing else of the stack. @module */

import { join } from "@std/path/mod.js";
import { type Keys, loadKeys } from "../../local/keys.ts";
import { ROOT } from "../../local/paths.ts";
import { freePort } from "../../local/ports.ts";
import { bootstrap, databaseUrl } from "../../local/postgres/bootstrap.ts";
import { embeddedRuntime } from "../../local/postgres/runtime.ts";
import { type PostgresServer, removeCluster, startPostgres } from "../../local/postgres/server.ts";

export interface BareServer {
  server: PostgresServer;
  keys: Keys;
  dataDir: string;
  /** The URL of a role of the stack. */
  urlOf(role: "postgres" | "supabase_admin" | "supabase_auth_admin"): string;
  /** Leaves nothing behind. */
  stop(): Promise<void>;
}

/** Starts one with the roles and schemas of the platform, in a temporary directory whose name begins with `prefix`. */
export async function startBareServer(
  { prefix, log }: { prefix: string; log: (line: string) => void },
): Promise<BareServer> {
  const dataDir = await Deno.makeTempDir({ prefix });
  // The server may have to run as somebody else.
  await Deno.chmod(dataDir, 0o755);
  await Deno.mkdir(join(dataDir, "logs"));
  const keys = await loadKeys(join(dataDir, "keys.json"));
  const port = freePort();
  const server = await startPostgres({
    runtime: await embeddedRuntime(join(ROOT, ".local", "runtime")),
    dataDir,
    port,
    superuserPassword: keys.passwords.supabase_admin,
    durable: false,
    log,
  });

  async function stop(): Promise<void> {
    await server.stop();
    await removeCluster(dataDir);
    await Deno.remove(dataDir, { recursive: true });
  }

  try {
    await bootstrap(server, { keys, port, realCron: false });
  } catch (error) {
    await stop();
    throw error;
  }
  return { server, keys, dataDir, urlOf: (role) => databaseUrl(keys, role, port), stop };
}
