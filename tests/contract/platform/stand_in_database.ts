/** A new database with the stand-ins for pg_net, pg_cron and Vault, and nothing else of the stack. @module */

import { join } from "@std/path/mod.js";
import { startCronWorker } from "../../../local/cron_worker.ts";
import { type Keys, loadKeys } from "../../../local/keys.ts";
import { startNetWorker } from "../../../local/net_worker.ts";
import { ROOT } from "../../../local/paths.ts";
import { freePort } from "../../../local/ports.ts";
import { bootstrap, databaseUrl } from "../../../local/postgres/bootstrap.ts";
import { connect } from "../../../local/postgres/connect.ts";
import { embeddedRuntime } from "../../../local/postgres/runtime.ts";
import { startPostgres } from "../../../local/postgres/server.ts";

/** A running database with its workers. */
export interface StandInDatabase {
  /** For role `postgres`. */
  url: string;
  /** For role `supabase_auth_admin`. */
  authUrl: string;
  keys: Keys;
  crash(): Promise<void>;
  loseVaultKey(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts one in a temporary directory. */
export async function standInDatabase(): Promise<StandInDatabase> {
  const dataDir = await Deno.makeTempDir({ prefix: "platform-contract-" });
  await Deno.mkdir(join(dataDir, "logs"));
  const keys = await loadKeys(join(dataDir, "keys.json"));
  const port = freePort();
  const server = await startPostgres({
    runtime: await embeddedRuntime(join(ROOT, ".local", "runtime")),
    dataDir,
    port,
    superuserPassword: keys.passwords.supabase_admin,
    durable: false,
    log: () => {},
  });
  await bootstrap(server, { keys, port, realCron: false });
  const url = databaseUrl(keys, "postgres", port);
  const sql = connect(url, { max: 1, name: "contract" });
  await sql`create extension if not exists pg_net with schema extensions`;
  await sql`create extension if not exists pg_cron with schema pg_catalog`;
  await sql.end({ timeout: 1 });

  const workers = [startNetWorker, startCronWorker].map((start) =>
    start({ databaseUrl: databaseUrl(keys, "supabase_admin", port), log: () => {} })
  );
  return {
    url,
    authUrl: databaseUrl(keys, "supabase_auth_admin", port),
    keys,
    crash: () => server.restart("immediate"),
    loseVaultKey: () =>
      Deno.writeFile(
        join(server.clusterDir, "vault.key"),
        crypto.getRandomValues(new Uint8Array(32)),
      ),
    async stop() {
      await Promise.all(workers.map((worker) => worker.stop()));
      await server.stop();
      await Deno.remove(dataDir, { recursive: true });
    },
  };
}
